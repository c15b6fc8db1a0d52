"""An utterance that Whisper listens to: its audio so far, and what was made of it."""

import numpy as np
from numpy.typing import NDArray

from voice.audio.pcm import samples
from voice.engines.protocols import ListenOptions, Transcript

Audio = NDArray[np.float32]
"""(n_samples,) in [-1, 1) at 16 kHz."""


class WhisperSpeech:
    """The audio is fed by one thread, and the rest is another's."""

    def __init__(self, options: ListenOptions, language: str | None) -> None:
        self.options = options
        self.language = language
        self.is_sure_of_language = language is not None
        self.keywords = ", ".join(options.keywords)
        self.pcm = bytearray()
        self.committed = ""
        self.start = 0
        """The sample after what is committed."""
        self.closed = False
        """Nobody waits for its text any more."""
        self.latest: Transcript | None = None
        self.latest_samples = 0

    def audio(self, *, from_start: bool = False) -> Audio:
        start = 0 if from_start else self.start
        # A copy: the buffer cannot grow while an array looks into it.
        pcm = bytes(self.pcm[start * 2 : len(self.pcm) // 2 * 2])
        return samples(pcm).astype(np.float32) / np.float32(32768)

    def before(self, *, final: bool) -> str:
        """What the model is to think was said before the audio."""
        return self.options.prompt if final else f"{self.options.prompt} {self.committed}"
