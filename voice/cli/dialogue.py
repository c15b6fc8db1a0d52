"""A conversation in text with a model: what was said so far, and the next answer to it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import msgspec

from voice.engines.protocols import Finished, LanguageModel, Message, Prompt, TextDelta

NAMES = {"system": "System", "user": "You", "assistant": "Assistant"}


class Dialogue:
    """Remembers questions and answers; a question that got no answer is forgotten."""

    def __init__(self, model: LanguageModel, system: str | None = None) -> None:
        self.cut = False
        """Whether the last answer ended at the model's limit of length."""
        self._model = model
        self._system = [Message("system", system)] if system else []
        self._said: list[Message] = []

    @property
    def messages(self) -> list[Message]:
        return [*self._system, *self._said]

    def clear(self) -> None:
        """Forget everything but the system prompt."""
        self._said.clear()

    async def ask(self, question: str) -> AsyncGenerator[str, None]:
        """The answer as it comes; of one that is closed early the part that came is kept.

        Raises `EngineError`.
        """
        self.cut = False
        asked = Message("user", question)
        answer = ""
        prompt = Prompt(messages=(*self.messages, asked))
        try:
            async with aclosing(self._model.generate(prompt)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    match piece:
                        case TextDelta(text=text):
                            answer += text
                            yield text
                        case Finished(reason=reason):
                            self.cut = reason == "length"
        finally:
            if answer:
                self._said += [asked, Message("assistant", answer)]

    def save(self, path: Path) -> None:
        """Write it down: as OpenAI's messages where the file is called .json, else for people."""
        if path.suffix.lower() == ".json":
            messages = [{"role": each.role, "content": each.content} for each in self.messages]
            data = msgspec.json.format(msgspec.json.encode(messages), indent=2)
        else:
            told = (f"{NAMES[each.role]}: {each.content}" for each in self.messages)
            data = "\n\n".join(told).encode()
        path.write_bytes(data + b"\n")
