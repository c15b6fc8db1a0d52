"""Whisper on CTranslate2 as a recognizer: partial hypotheses, final transcripts, no phantoms.

Given noise, Whisper answers with what its subtitles ended in ("Thank you for watching."). So audio
in which Silero hears no voice is not decoded at all, and text of which Whisper itself is unsure
stays only where Silero is sure.
"""

from itertools import takewhile
from typing import Any

from voice.engines.protocols import STT_RATE_HZ, EngineError, ListenOptions, Transcript
from voice.engines.whisper_speech import Audio, WhisperSpeech
from voice.engines.whisper_text import WhisperText

SHORTEST_S = 0.1
"""Less is a click."""

WINDOW_S = 30.0
"""What Whisper hears at once; longer audio is decoded window by window."""

LIVE_S = 15.0
KEPT_S = 5.0
"""A partial decodes the last `LIVE_S`; when there is more, what lies before the last `KEPT_S` of it
is committed and not decoded again."""

LANGUAGE_S = 2.0
"""A language found in less audio than this is looked for again."""

PROMPT_TOKENS, KEYWORD_TOKENS = 120, 60
"""Whisper's 448 tokens hold the prompts and the text of a window."""

VOICE_NONE, VOICE_SURE = 0.3, 0.5
"""Silero's probabilities below and above which nobody, and certainly somebody, speaks."""


class Whisper:
    """Implements `Recognizer` over a faster-whisper model: a folder, or the name of a cached one.

    `short_windows` trades a little accuracy for a much cheaper encoder; by default only on a CPU,
    where the encoder is what a user waits for. A transcript of which a short window leaves doubt
    is decoded again in the full one. Raises `EngineError` when the model is not here or broken.
    """

    accepts = frozenset({"logprobs"})

    def __init__(
        self,
        model: str,
        device: str = "auto",
        compute_type: str = "default",
        threads: int = 0,
        language: str | None = None,
        *,
        short_windows: bool | None = None,
    ) -> None:
        from voice.engines import whisper_model  # noqa: PLC0415 - its libraries take a second

        self._library = whisper_model
        self._model = whisper_model.load(model, device, compute_type, threads)
        on_cpu = self._model.model.device == "cpu"
        self._short_windows = on_cpu if short_windows is None else short_windows
        self._beams = 1 if on_cpu else 5
        self._language = self._known(language)
        self._text = WhisperText(self._model.hf_tokenizer)
        self._speech: dict[int, WhisperSpeech] = {}

    def open(self, utterance: int, options: ListenOptions) -> None:
        """Begin an utterance; raises `EngineError` for a language that the model does not know."""
        language = self._known(options.language) or self._language
        self._speech[utterance] = WhisperSpeech(options, language)

    def feed(self, utterance: int, pcm: bytes) -> None:
        self._utterance(utterance).pcm.extend(pcm)

    def close(self, utterance: int) -> None:
        if speech := self._speech.pop(utterance, None):
            speech.closed = True

    def partial(self, utterance: int) -> str:
        """The text so far: what is committed, and the rest decoded greedily and without times."""
        speech = self._utterance(utterance)
        audio = speech.audio()
        if len(audio) > LIVE_S * STT_RATE_HZ:
            self._commit(speech, audio)
            audio = speech.audio()
        segments = self._hear(speech, audio, final=False)
        return (speech.committed + "".join(segment.text for segment in segments)).strip()

    def transcript(self, utterance: int) -> Transcript:
        """The text of all the audio, with word times and token probabilities."""
        speech = self._utterance(utterance)
        audio = speech.audio(from_start=True)
        if speech.latest is None or speech.latest_samples != len(audio):
            segments = self._hear(speech, audio, final=True)
            aligned = self._model.aligned
            speech.latest = self._text.transcript(speech.language, len(audio), segments, aligned)
            speech.latest_samples = len(audio)
        return speech.latest

    # ------------------------------------------------------------ text from audio

    def _hear(self, speech: WhisperSpeech, audio: Audio, *, final: bool) -> list[Any]:
        """The segments of the audio that are speech."""
        duration_s = len(audio) / STT_RATE_HZ
        if duration_s < SHORTEST_S:
            return []
        whole = duration_s <= WINDOW_S
        if whole and self._library.speech_probability(audio) < VOICE_NONE:
            return []
        self._detect_language(speech, audio)
        # Audio of many windows gets its second chance in each of them, not as a whole.
        segments = self._decode(speech, audio, final=final, again=final and not whole)
        doubt = not segments or any(map(_doubtful, segments))
        if final and whole and doubt and not speech.closed:
            segments = self._decode(speech, audio, final=True, again=True)
        return [segment for segment in segments if self._is_speech(segment, audio)]

    def _decode(
        self, speech: WhisperSpeech, audio: Audio, *, final: bool, again: bool
    ) -> list[Any]:
        model = self._model
        model.short_windows = self._short_windows and not again
        model.aligned.clear()
        duration_s = min(len(audio) / STT_RATE_HZ, WINDOW_S)
        segments, _ = model.transcribe(
            audio,
            task="translate" if speech.options.translate else "transcribe",
            language=speech.language,
            beam_size=self._beams if final else 1,
            best_of=1,
            temperature=speech.options.temperature or ((0.0, 0.4) if again else 0.0),
            initial_prompt=self._text.tokens(speech.before(final=final))[-PROMPT_TOKENS:] or None,
            hotwords=self._text.first_tokens(speech.keywords, KEYWORD_TOKENS) or None,
            # A window that repeats itself would make the next one do so too.
            condition_on_previous_text=False,
            without_timestamps=not final,
            word_timestamps=final,
            # Nobody speaks faster; what runs on is a repetition, and costs time.
            max_new_tokens=min(224, int(32 + 12 * duration_s)),
        )
        # The library decodes while this generator is read, and not before.
        return list(takewhile(lambda _: not speech.closed, segments))

    def _detect_language(self, speech: WhisperSpeech, audio: Audio) -> None:
        if speech.language and speech.is_sure_of_language:
            return
        speech.language = "en"
        if self._model.model.is_multilingual:
            self._model.short_windows = self._short_windows
            features = self._model.feature_extractor(audio[: int(WINDOW_S * STT_RATE_HZ)])
            # The decoder drops the last frame; without it the encoded window can be used again.
            speech.language, *_ = self._model.detect_language(features=features[..., :-1])
        speech.is_sure_of_language = len(audio) >= LANGUAGE_S * STT_RATE_HZ

    def _is_speech(self, segment: Any, audio: Audio) -> bool:
        if not _doubtful(segment):
            return True
        if segment.compression_ratio > 2.4 or segment.avg_logprob < -1.5:
            return False
        stretch = audio[int(segment.start * STT_RATE_HZ) : int(segment.end * STT_RATE_HZ)]
        return self._library.speech_probability(stretch) >= VOICE_SURE

    def _commit(self, speech: WhisperSpeech, audio: Audio) -> None:
        """Take the words before the last `KEPT_S` for settled."""
        settled_s = len(audio) / STT_RATE_HZ - KEPT_S
        words = [
            word
            for segment in self._hear(speech, audio, final=True)
            for word in segment.words
            if word.end <= settled_s
        ]
        speech.committed += "".join(word.word for word in words)
        speech.start += int((words[-1].end if words else settled_s) * STT_RATE_HZ)

    # ------------------------------------------------------------ small parts

    def _known(self, language: str | None) -> str | None:
        """A language as the model names it, `pt` for `pt-BR`."""
        if not language:
            return None
        code = language.lower().partition("-")[0]
        if code not in self._model.supported_languages:
            message = f"this Whisper model knows no language {language!r}; give ISO-639-1"
            raise EngineError(message, "invalid_value", "language")
        return code

    def _utterance(self, utterance: int) -> WhisperSpeech:
        try:
            return self._speech[utterance]
        except KeyError:
            raise EngineError(f"utterance {utterance} is not open") from None


def _doubtful(segment: Any) -> bool:
    return bool(
        segment.no_speech_prob > 0.4
        or segment.avg_logprob < -0.8
        or segment.compression_ratio > 2.4
    )
