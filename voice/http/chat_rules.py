"""What the types of a chat cannot say of it: which parts of a request go together. Pure."""

from collections.abc import Iterator, Sequence

from voice.gateway.errors import ApiError
from voice.http.chat_messages import AssistantMessage, Message, ToolMessage
from voice.http.chat_types import (
    AllowedToolsChoice,
    ChatRequest,
    FunctionTool,
    Named,
    NamedCustomTool,
    NamedTool,
    Tool,
)

MOST_TOOLS = 128
LONGEST_ID = 64
"""Of what is repeated in an error."""


def check_chat(asked: ChatRequest) -> None:
    """Raises `ApiError` for the first thing that cannot be meant."""
    _check_messages(asked.messages)
    check_tools(asked)


def check_tools(asked: ChatRequest) -> None:
    """Raises `ApiError` for tools that nobody could tell apart, and a choice of none of them."""
    if asked.tools and asked.functions:
        raise _invalid("'functions' is what 'tools' was called before: send one.", "functions")
    field = "functions" if asked.functions else "tools"
    names = [name for _, name in _named(asked)]
    if len(names) > MOST_TOOLS:
        raise ApiError(
            f"Invalid '{field}': at most {MOST_TOOLS} can be given, not {len(names)}.",
            code="array_above_max_length",
            param=field,
        )
    seen: dict[str, None] = {}
    for place, name in _named(asked):
        if name in seen:
            raise _invalid(f"Two of '{field}' are called '{name}': give each its own name.", place)
        seen[name] = None
    for place, name in _chosen(asked):
        if name not in seen:
            have = f"there is {', '.join(seen)}" if seen else f"there are no '{field}'"
            raise _invalid(f"'{place}' names '{name}', which is none of them: {have}.", place)
    if asked.tool_choice == "required" and not seen:
        raise _invalid("A 'tool_choice' of required needs 'tools'.", "tool_choice")


def _check_messages(messages: Sequence[Message]) -> None:
    made: set[str] = set()
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        match message:
            case AssistantMessage():
                if _says_nothing(message):
                    raise ApiError(
                        f"Missing required parameter: '{place}.content'. Only calls stand alone.",
                        code="missing_required_parameter",
                        param=f"{place}.content",
                    )
                made.update(call.id for call in message.tool_calls or ())
            case ToolMessage(tool_call_id=call_id) if call_id not in made:
                raise _invalid(
                    f"'{place}' is the result of a call '{call_id[:LONGEST_ID]}' that nobody made: "
                    "it must come after the assistant's message that has the call in 'tool_calls'.",
                    f"{place}.tool_call_id",
                )


def _says_nothing(message: AssistantMessage) -> bool:
    words = message.content, message.refusal, message.audio, message.reasoning
    calls = message.tool_calls, message.function_call, message.reasoning_content
    return all(each is None for each in (*words, *calls))


def _named(asked: ChatRequest) -> Iterator[tuple[str, str]]:
    """The names of all that can be called, with their places."""
    for number, tool in enumerate(asked.tools or ()):
        yield (
            f"tools[{number}].{'function' if isinstance(tool, FunctionTool) else 'custom'}.name",
            (name_of(tool)),
        )
    for number, function in enumerate(asked.functions or ()):
        yield f"functions[{number}].name", function.name


def _chosen(asked: ChatRequest) -> Iterator[tuple[str, str]]:
    """The names of what is to be called, with their places."""
    if isinstance(asked.function_call, Named):
        yield "function_call", asked.function_call.name
    match asked.tool_choice:
        case NamedTool() | NamedCustomTool() as choice:
            yield "tool_choice", name_of(choice)
        case AllowedToolsChoice(allowed_tools=allowed):
            for number, tool in enumerate(allowed.tools):
                yield f"tool_choice.allowed_tools.tools[{number}]", name_of(tool)


def name_of(tool: Tool | NamedTool | NamedCustomTool) -> str:
    if isinstance(tool, FunctionTool | NamedTool):
        return tool.function.name
    return tool.custom.name


def _invalid(message: str, param: str) -> ApiError:
    return ApiError(message, code="invalid_value", param=param)
