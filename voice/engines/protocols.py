"""What the pipeline asks of an engine, and nothing about how an engine does it.

Each kind has two faces. The *asynchronous* protocols (`SpeechToText`, `LanguageModel`,
`TextToSpeech`, `Embedder`) are what a session or an endpoint talks to. The *synchronous* ones
(`Recognizer`, `Generator`, `Synthesizer`, `Encoder`) are what a local engine implements inside its
worker process; `hosted.py` turns the second into the first. A remote provider implements the first
directly.

All audio is int16 little-endian mono PCM. Speech goes to recognizers at `STT_RATE_HZ`; a
synthesizer states its own rate.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Literal, Protocol

import msgspec

STT_RATE_HZ = 16_000


class EngineError(Exception):
    """An engine could not do its job; the message is fit for a user's eyes.

    `code` says which kind of trouble it was where programs can tell, as `context_length_exceeded`
    or `unsupported_parameter`, and `param` the field of what was asked that it lies in.
    """

    def __init__(self, message: str = "", code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable value that can cross a process border as MessagePack."""


# ---------------------------------------------------------------- speech to text


class Word(Value, frozen=True):
    """A word and when it sounds, in seconds from the start of its audio."""

    text: str
    start_s: float
    end_s: float


class TokenLogprob(Value, frozen=True):
    token: str
    logprob: float
    raw: bytes = b""
    """The token's own bytes, which may be a part of a character; empty means those of `token`."""
    top: tuple["TokenLogprob", ...] = ()
    """The likeliest tokens in its place, best first, where they were asked for."""


class Segment(Value, frozen=True):
    """A sentence or a subtitle's worth of a transcript; what its engine does not know is None."""

    text: str
    start_s: float
    end_s: float
    tokens: tuple[int, ...] = ()
    temperature: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None
    no_speech_prob: float | None = None


class ListenOptions(Value, frozen=True):
    language: str | None = None
    """ISO-639-1; None lets the engine detect it."""
    prompt: str = ""
    keywords: tuple[str, ...] = ()
    translate: bool = False
    """Give the text in English, whatever is spoken."""
    temperature: float | None = None


class Transcript(Value, frozen=True):
    text: str
    language: str | None = None
    words: tuple[Word, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    duration_s: float = 0.0
    segments: tuple[Segment, ...] = ()
    """The same text in parts; empty where the engine knows none."""


class Utterance(Protocol):
    """One stretch of speech on its way to text."""

    def feed(self, pcm: bytes) -> None:
        """Add the next audio; never blocks."""

    async def partial(self) -> str | None:
        """The hypothesis so far; None when the engine gives none or a newer request overtook it."""

    async def transcript(self) -> Transcript:
        """The text of everything fed so far; more may be fed, and asked for, afterwards."""

    def close(self) -> None:
        """Forget the utterance; anything still waiting for it ends with `EngineError`."""


class SpeechToText(Protocol):
    name: str
    incremental: bool
    """Whether asking for partials is how the engine keeps up, rather than work done twice."""
    accepts: frozenset[str]
    """What it can tell of a transcript beyond text, words and segments: `logprobs`."""

    def listen(self, options: ListenOptions) -> Utterance: ...


class Recognizer(Protocol):
    """The in-process face of a local speech-to-text engine.

    `feed`, `open` and `close` are called from another thread than the rest and must be cheap.
    One that sets `incremental` is asked for partials all the time.
    """

    def open(self, utterance: int, options: ListenOptions) -> None: ...

    def feed(self, utterance: int, pcm: bytes) -> None: ...

    def partial(self, utterance: int) -> str: ...

    def transcript(self, utterance: int) -> Transcript: ...

    def close(self, utterance: int) -> None: ...


# ---------------------------------------------------------------- language model


class ToolCall(Value, frozen=True):
    call_id: str
    name: str
    arguments: str
    """A JSON object, as text."""


class Message(Value, frozen=True):
    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    images: tuple[str, ...] = ()
    """data: or https: URIs."""


class Tool(Value, frozen=True):
    name: str
    description: str = ""
    parameters: dict[str, object] = {}


class Lookup(Value, frozen=True):
    """Where to look for what a question is about, before it is answered."""

    stores: tuple[str, ...]
    limit: int = 4
    by_call: bool = False
    """Let the model look by itself, with a tool, instead of looking first."""


class Source(Value, frozen=True):
    """A passage of a document that may hold the answer."""

    document_id: str
    name: str
    """Of the file."""
    title: str = ""
    headings: tuple[str, ...] = ()
    text: str = ""


class Prompt(Value, frozen=True):
    """What a model is to answer; an engine names the optional fields it honours in `accepts`."""

    messages: tuple[Message, ...] = ()
    text: str | tuple[int, ...] | None = None
    """Text or tokens to go on from, instead of messages."""
    suffix: str | None = None
    """What is to follow after `text` and the answer."""
    lookup: Lookup | None = None
    """To be looked up first; whoever does puts `sources`, or messages, in its place."""
    sources: tuple[Source, ...] | None = None
    """What was found; None where nobody looked, as there is nothing to look in."""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the one function to call."""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    logit_bias: dict[int, float] = {}
    """Added to the logits of tokens, by their ids."""
    logprobs: int | None = None
    """How many likeliest tokens to tell beside each one taken; None tells nothing."""
    json_schema: dict[str, object] | None = None
    regex: str | None = None
    choices: tuple[str, ...] = ()
    """The texts one of which is to be the answer."""
    grammar: str | None = None
    """A GBNF grammar of the answer. Of the four constraints at most one is set."""


class TextDelta(Value, frozen=True, tag="text"):
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the tokens of this text, where they were asked for."""


class CallStarted(Value, frozen=True, tag="call"):
    """The model begins a tool call; its arguments follow as `CallDelta`s, calls never interleave."""

    call_id: str
    name: str


class CallDelta(Value, frozen=True, tag="call_delta"):
    arguments: str


class Cited(Value, frozen=True, tag="cited"):
    """The sources that the answer was taken from."""

    sources: tuple[Source, ...]


class Finished(Value, frozen=True, tag="finished"):
    """The last piece of every generation that did not fail."""

    reason: Literal["stop", "length", "tool_calls"]
    input_tokens: int = 0
    output_tokens: int = 0


Piece = TextDelta | CallStarted | CallDelta | Cited | Finished


class LanguageModel(Protocol):
    name: str
    context_tokens: int
    accepts: frozenset[str]
    """The fields of `Prompt` it honours beyond `messages`, `max_tokens` and `stop`; `images` too."""

    def generate(self, prompt: Prompt) -> AsyncIterator[Piece]:
        """Stream an answer; closing the iterator stops the engine. Raises `EngineError`."""


class Generator(Protocol):
    """The in-process face of a local language model."""

    context_tokens: int
    accepts: frozenset[str]

    def generate(self, prompt: Prompt, cancelled: Callable[[], bool]) -> Iterator[Piece]:
        """Stream an answer; look at `cancelled` at least once per decode step."""


# ---------------------------------------------------------------- text to speech


class Speech(Value, frozen=True):
    """A piece of synthesized audio, in order; word times count from the start of the call."""

    pcm: bytes
    words: tuple[Word, ...] = ()


class SpeakOptions(Value, frozen=True):
    voice: str = ""
    """One of the engine's voices; empty takes its default."""
    speed: float = 1.0
    language: str | None = None
    instructions: str = ""
    """How to say it, in words, for an engine that `accepts` them."""


class TextToSpeech(Protocol):
    name: str
    rate_hz: int
    voices: tuple[str, ...]
    accepts: frozenset[str]
    """The fields of `SpeakOptions` it honours beyond `voice`, `speed` and `language`."""

    def speak(self, text: str, options: SpeakOptions, *, first: bool) -> AsyncIterator[Speech]:
        """Synthesize one chunk of plain text; `first` chunks of a reply go before all others.

        Closing the iterator drops the rest. Raises `EngineError`.
        """


class Synthesizer(Protocol):
    """The in-process face of a local text-to-speech engine."""

    rate_hz: int
    voices: tuple[str, ...]

    def speak(
        self, text: str, options: SpeakOptions, cancelled: Callable[[], bool]
    ) -> Iterator[Speech]: ...


# ---------------------------------------------------------------- embeddings


class Embeddings(Value, frozen=True):
    vectors: bytes
    """Little-endian float32, (n_inputs, dimensions), each of length 1."""
    tokens: tuple[int, ...]
    """How many tokens each input had."""


class Embedder(Protocol):
    name: str
    dimensions: int
    max_tokens: int
    """Of one input; longer ones are refused, not cut."""

    async def embed(self, inputs: Sequence[str | tuple[int, ...]]) -> Embeddings:
        """Embed texts, or their tokens, in order. Raises `EngineError`."""


class Encoder(Protocol):
    """The in-process face of a local embedding model."""

    dimensions: int
    max_tokens: int

    def embed(self, inputs: Sequence[str | tuple[int, ...]]) -> Embeddings: ...
