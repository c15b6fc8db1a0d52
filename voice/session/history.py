"""What the model is told: the conversation's items as messages, as far as they were heard."""

import msgspec

from voice.engines.protocols import Lookup, Message, Prompt, Tool, ToolCall
from voice.realtime.config import SessionConfig
from voice.realtime.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudio,
    InputImage,
    InputText,
    Item,
    MessageItem,
    OutputAudio,
    OutputText,
)
from voice.realtime.settings import FunctionChoice, RetentionRatio, Retrieval
from voice.search.records import FOLDERS_STORE
from voice.turns.words import plain

CHARS_PER_TOKEN = 4
"""A rough measure, on the safe side for English; the engine has the last word."""
SILENCE = "(The user has said nothing for a while.)"


class ContextFullError(Exception):
    """The conversation is longer than the model's context and must not be truncated."""


def build_prompt(
    items: list[Item],
    config: SessionConfig,
    context_tokens: int,
    heard: str | None = None,
    defaults: Prompt | None = None,
) -> Prompt:
    """The prompt for one response; `heard` is a user's turn that is not an item yet.

    Raises:
        ContextFullError: the context overflows and `truncation` is disabled.
    """
    messages = [message for item in items if (message := _message(item)) is not None]
    if heard is not None:
        messages.append(Message(role="user", content=heard))
    messages = _joined(messages)
    limit = config.max_output_tokens
    max_tokens = limit if isinstance(limit, int) else defaults.max_tokens if defaults else None
    room = context_tokens - _tokens(config.instructions) - (max_tokens or context_tokens // 4)
    kept = _truncated(messages, config, room)
    system = [Message(role="system", content=config.instructions)] if config.instructions else []
    return msgspec.structs.replace(
        defaults or Prompt(messages=()),
        messages=(*system, *kept),
        lookup=_lookup(config),
        tools=_tools(config),
        tool_choice=_tool_choice(config),
        max_tokens=max_tokens,
    )


def same_in_words(one: Prompt, other: Prompt) -> bool:
    """Whether two prompts differ at most in how the last message is punctuated."""
    if one == other or not (one.messages and other.messages):
        return one == other
    first, second = one.messages[-1], other.messages[-1]
    return plain(first.content) == plain(second.content) and _with_last(one, second) == other


def _with_last(prompt: Prompt, message: Message) -> Prompt:
    return msgspec.structs.replace(prompt, messages=(*prompt.messages[:-1], message))


def _message(item: Item) -> Message | None:
    match item:
        case MessageItem(role=role, content=parts):
            text = " ".join(text for part in parts if (text := _text(part)))
            images = tuple(part.image_url for part in parts if isinstance(part, InputImage))
            if not text and not images:
                return None
            return Message(role=role, content=text, images=images)
        case FunctionCallItem(call_id=call_id, name=name, arguments=arguments):
            call = ToolCall(call_id=call_id, name=name, arguments=arguments)
            return Message(role="assistant", content="", tool_calls=(call,))
        case FunctionCallOutputItem(call_id=call_id, output=output):
            return Message(role="tool", content=output, tool_call_id=call_id)


def _text(part: object) -> str:
    match part:
        case InputText(text=text) | OutputText(text=text):
            return text
        case InputAudio(transcript=transcript) | OutputAudio(transcript=transcript):
            return transcript or ""
    return ""


def _joined(messages: list[Message]) -> list[Message]:
    """Calls made in one response become one message, as chat templates expect."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        if message.tool_calls and last is not None and last.role == "assistant":
            calls = (*last.tool_calls, *message.tool_calls)
            joined[-1] = msgspec.structs.replace(last, tool_calls=calls)
        else:
            joined.append(message)
    return joined


def _truncated(messages: list[Message], config: SessionConfig, room: int) -> list[Message]:
    """Drop the oldest messages until the rest fits; never a tool's answer without its call."""
    truncation = config.truncation
    share = 1.0
    if isinstance(truncation, RetentionRatio):
        share = truncation.retention_ratio
        limits = truncation.token_limits
        if limits is not None and limits.post_instructions is not None:
            room = min(room, limits.post_instructions)
    sizes = [_size(message) for message in messages]
    if sum(sizes) <= room:
        return messages
    if truncation == "disabled":
        raise ContextFullError(
            f"The conversation has about {sum(sizes)} tokens and the model takes {room}; "
            "truncation is disabled."
        )
    total, start = sum(sizes), 0
    while start < len(messages) - 1 and (
        total > room * share or messages[start].role in {"tool", "assistant"}
    ):
        total -= sizes[start]
        start += 1
    return messages[start:]


def _size(message: Message) -> int:
    calls = sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    return _tokens(message.content) + calls // CHARS_PER_TOKEN + 4


def _tokens(text: str) -> int:
    return len(text) // CHARS_PER_TOKEN + 1


def _tools(config: SessionConfig) -> tuple[Tool, ...]:
    return tuple(
        Tool(
            name=tool.name,
            description=tool.description or "",
            parameters=tool.parameters or {},
        )
        for tool in config.tools
    )


def _tool_choice(config: SessionConfig) -> str:
    choice = config.tool_choice
    return choice.name if isinstance(choice, FunctionChoice) else choice


def _lookup(config: SessionConfig) -> Lookup | None:
    match config.retrieval:
        case None:
            return None
        case Retrieval(vector_store_ids=stores, max_num_results=limit, mode=mode):
            return Lookup(stores=stores, limit=limit, by_call=mode == "tool")
    return Lookup(stores=(FOLDERS_STORE,))
