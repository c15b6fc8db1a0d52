"""Kokoro, a natural voice of 82 million weights, as a synthesizer."""

import pickle
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice.engines.protocols import EngineError, SpeakOptions, Speech
from voice.engines.spoken import Spoken, known, packed, pieces, timed

RATE_HZ = 24_000
FRAME_SAMPLES = 600
"""What one unit of the model's durations is long."""

LONGEST_PHONEMES = 510
SLOWEST, FASTEST = 0.25, 4.0

EARLY_FRAMES = 3
"""How much earlier words sound than their durations say, as Kokoro's authors found."""

QUIET, LEAD_S = 0.005, 0.03
"""Kokoro begins with a pause; what is quieter than this is cut down to a short lead."""

_BROKEN = (pickle.UnpicklingError, RuntimeError, TypeError, ValueError, EOFError, OSError)
"""What PyTorch raises for a file that is not what it should be."""


class Kokoro:
    """Implements `Synthesizer` over the weights in a folder, or in the cache by their name.

    A voice is a file of `voices/`, or several joined by commas, which are mixed; its first letter
    is its language. Raises `EngineError` when the weights are not here or broken.
    """

    rate_hz = RATE_HZ

    def __init__(
        self, model: str = "hexgrad/Kokoro-82M", voice: str = "af_heart", device: str = "auto"
    ) -> None:
        folder = _folder(model)
        with warnings.catch_warnings():
            # Of the library about its own use of PyTorch.
            warnings.simplefilter("ignore")
            self._model = _load(folder, model, device)
            from voice.engines import kokoro_phonemes  # noqa: PLC0415 - misaki takes seconds
        self._phonemes = kokoro_phonemes
        self._alphabet = frozenset(self._model.vocab)
        self._files = {path.stem: path for path in sorted((folder / "voices").glob("*.pt"))}
        self._packs: dict[str, Any] = {}
        self.voices = tuple(self._files)
        self._default = voice
        # The first run is the slowest, and no listener should wait for it.
        self._synthesize([Spoken("", "a")], self._pack(voice), 1.0)

    def speak(
        self, text: str, options: SpeakOptions, cancelled: Callable[[], bool]
    ) -> Iterator[Speech]:
        """Synthesize `text`; sentences come while the next are still being made.

        Raises `EngineError` for an unknown voice or language, or a speed outside 0.25-4.
        """
        if not SLOWEST <= options.speed <= FASTEST:
            raise EngineError(f"speed must be {SLOWEST:g} to {FASTEST:g}, not {options.speed:g}")
        voice = options.voice or self._voice_for(options.language)
        pack = self._pack(voice)
        phonemize = self._phonemes.phonemizer(voice[0])
        offset_s = 0.0
        for piece in pieces(text):
            words = known(phonemize(piece), self._alphabet)
            for group in packed(words, LONGEST_PHONEMES):
                if cancelled():
                    return
                audio, ends_s = self._synthesize(group, pack, options.speed)
                cut = 0 if offset_s else leading_quiet(audio)
                times = timed(group, ends_s, offset_s - cut / RATE_HZ)
                pcm = (audio[cut:].clip(-1, 1) * 32767).astype("<i2").tobytes()
                offset_s += (len(audio) - cut) / RATE_HZ
                yield Speech(pcm=pcm, words=tuple(times))

    def _synthesize(
        self, words: list[Spoken], pack: Any, speed: float
    ) -> tuple[NDArray[np.float32], list[float]]:
        """The audio, and the second at which what leads in and then each phoneme ends."""
        phonemes = "".join(word.phonemes for word in words)
        output = self._model(phonemes, pack[len(phonemes) - 1], speed, return_output=True)
        audio = output.audio.numpy()  # (n_samples,) float32 in [-1, 1]
        frames = np.cumsum(output.pred_dur.numpy().reshape(-1)) - EARLY_FRAMES
        return audio, [max(0.0, float(frame)) * FRAME_SAMPLES / RATE_HZ for frame in frames]

    def _voice_for(self, language: str | None) -> str:
        """The default voice, or the first of another language that was asked for."""
        code = (language or "").lower().partition("-")[0]
        letters = [
            letter for letter, name in self._phonemes.LANGUAGES.items() if name.startswith(code)
        ]
        if not code or self._default[0] in letters:
            return self._default
        return next((name for name in self.voices if name[0] in letters), self._default)

    def _pack(self, voice: str) -> Any:
        """The style of a voice for each length: (510, 1, 256)."""
        if voice not in self._packs:
            import torch  # noqa: PLC0415 - comes with the extra [kokoro]

            files = [self._file(name) for name in voice.split(",")]
            try:
                styles = [torch.load(file, weights_only=True) for file in files]
                self._packs[voice] = torch.stack(styles).mean(dim=0)
            except _BROKEN as error:
                raise EngineError(f"Kokoro cannot read the voice {voice!r}: {error}") from error
        return self._packs[voice]

    def _file(self, name: str) -> Path:
        if name not in self._files:
            here = ", ".join(self.voices) or "none"
            raise EngineError(f"Kokoro has no voice {name!r} here; it has {here}", "invalid_value")
        return self._files[name]


def leading_quiet(audio: NDArray[np.float32]) -> int:
    """How many samples to cut off before the first sound, less a short lead."""
    loud = np.flatnonzero(np.abs(audio) > QUIET)
    return max(0, int(loud[0]) - int(LEAD_S * RATE_HZ)) if len(loud) else 0


# ---------------------------------------------------------------- loading


def _folder(model: str) -> Path:
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download  # noqa: PLC0415

    try:
        return Path(snapshot_download(model, local_files_only=True))
    except (OSError, ValueError) as error:
        raise EngineError(
            f"Kokoro's weights {model!r} are not on this machine; `voice pull kokoro` fetches them"
        ) from error


def _load(folder: Path, name: str, device: str) -> Any:
    config = folder / "config.json"
    weights = next(iter(sorted(folder.glob("*.pth"))), None)
    if weights is None or not config.is_file():
        raise EngineError(f"{folder} is no Kokoro: config.json or a file of weights is missing")
    try:
        import torch  # noqa: PLC0415
        from kokoro import KModel  # noqa: PLC0415
    except ImportError as error:
        raise EngineError('Kokoro is missing: pip install "inferno-voice[kokoro]"') from error
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return KModel(repo_id=name, config=str(config), model=str(weights)).to(device).eval()
    except (*_BROKEN, AssertionError, KeyError) as error:
        raise EngineError(f"Kokoro cannot load {weights} on {device!r}: {error}") from error
