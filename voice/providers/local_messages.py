"""The messages and tools of a chat, as a local engine takes them. Pure.

What was asked in the days of `functions` is asked as tools.
"""

from collections.abc import Iterator, Sequence

from voice.engines.protocols import Message, Tool, ToolCall
from voice.gateway.errors import unsupported_parameter
from voice.http import chat_messages as wire
from voice.http.chat_rules import name_of
from voice.http.chat_types import (
    AllowedToolsChoice,
    ChatRequest,
    FunctionTool,
    Named,
    NamedTool,
)


def messages_of(messages: Sequence[wire.Message]) -> Iterator[Message]:
    """Raises `ApiError` for parts that are neither text nor images."""
    calls: dict[str, str] = {}
    """The last call of each function that was called by `function_call`, by its name."""
    for number, message in enumerate(messages):
        texts, images = _content(message, f"messages[{number}]")
        said = "\n".join(texts)
        match message:
            case wire.DeveloperMessage() | wire.SystemMessage():
                yield Message(role="system", content=said, images=images)
            case wire.UserMessage():
                yield Message(role="user", content=said, images=images)
            case wire.ToolMessage(tool_call_id=call_id):
                yield Message(role="tool", content=said, images=images, tool_call_id=call_id)
            case wire.FunctionMessage(name=name):
                yield Message(role="tool", content=said, tool_call_id=calls.get(name, name))
            case wire.AssistantMessage():
                made = tuple(_calls(message, number))
                if message.function_call:
                    calls[message.function_call.name] = made[-1].call_id
                said = said or message.refusal or ""
                yield Message(role="assistant", content=said, images=images, tool_calls=made)


def _calls(message: wire.AssistantMessage, number: int) -> Iterator[ToolCall]:
    for call in message.tool_calls or ():
        if isinstance(call, wire.FunctionCall):
            function = call.function
            yield ToolCall(call_id=call.id, name=function.name, arguments=function.arguments)
    if called := message.function_call:
        yield ToolCall(call_id=f"call_{number}", name=called.name, arguments=called.arguments)


def _content(message: wire.Message, place: str) -> tuple[list[str], tuple[str, ...]]:
    """What a message says, and the images that it shows."""
    parts = message.content
    if isinstance(parts, str) or parts is None:
        return [parts] if parts else [], ()
    texts: list[str] = []
    images: list[str] = []
    for at, part in enumerate(parts):
        match part:
            case wire.TextPart(text=text) | wire.RefusalPart(refusal=text):
                texts.append(text)
            case wire.ImagePart(image_url=image):
                images.append(image.url)
            case wire.AudioPart() | wire.FilePart():
                where = f"{place}.content[{at}]"
                raise unsupported_parameter(where, "is not supported by this model.")
    return texts, tuple(images)


def tools_of(request: ChatRequest) -> Iterator[Tool]:
    """The functions that may be called."""
    choice = request.tool_choice
    allowed = None
    if isinstance(choice, AllowedToolsChoice):
        allowed = {name_of(tool) for tool in choice.allowed_tools.tools}
    tools = (tool.function for tool in request.tools or () if isinstance(tool, FunctionTool))
    for function in (*tools, *(request.functions or ())):
        if allowed is None or function.name in allowed:
            yield Tool(
                name=function.name,
                description=function.description or "",
                parameters=function.parameters or {},
            )


def tool_choice_of(request: ChatRequest) -> str:
    """`auto`, `none`, `required`, or the name of the one function to call."""
    match request.tool_choice or request.function_call:
        case NamedTool(function=function):
            return function.name
        case Named(name=name):
            return name
        case AllowedToolsChoice(allowed_tools=allowed):
            return allowed.mode
        case str(choice):
            return choice
        case _:
            return "auto"
