"""Room in a model's context for what was found, at the cost of what was said longest ago. Pure."""

import msgspec

from voice.engines.protocols import Message, Prompt

CHARS_PER_TOKEN = 4
"""A rough measure, on the safe side for English."""
PER_MESSAGE = 4
"""Tokens of a template around each."""
ANSWER_SHARE = 0.25
"""Of the context that is kept free for an answer of no particular length."""


def with_room(prompt: Prompt, context_tokens: int, wanted_tokens: int) -> Prompt:
    """The prompt with so many tokens to spare, or as many as there are beside its last message.

    What the system says stays, and so does a prompt with room enough; no tool's answer is left
    without its call.
    """
    free = prompt.max_tokens or round(context_tokens * ANSWER_SHARE)
    excess = sum(map(_size, prompt.messages)) - (context_tokens - free - wanted_tokens)
    if excess <= 0:
        return prompt
    system = [each for each in prompt.messages if each.role == "system"]
    *earlier, last = [each for each in prompt.messages if each.role != "system"]
    while earlier and (excess > 0 or earlier[0].role != "user"):
        excess -= _size(earlier.pop(0))
    return msgspec.structs.replace(prompt, messages=(*system, *earlier, last))


def _size(message: Message) -> int:
    calls = sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    return (len(message.content) + calls) // CHARS_PER_TOKEN + PER_MESSAGE
