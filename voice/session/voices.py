"""Voice names: OpenAI's are always accepted and stand for voices of the engine that is there."""

OPENAI_VOICES = (
    "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar",
)  # fmt: skip


def known_voices(installed: tuple[str, ...]) -> frozenset[str]:
    """All names a client may ask for."""
    return frozenset(OPENAI_VOICES) | frozenset(installed)


def installed_voice(name: str, installed: tuple[str, ...]) -> str:
    """The engine's voice for a name; the first one is OpenAI's `alloy`, and so on around."""
    if name in installed or not installed:
        return name if name in installed else ""
    position = OPENAI_VOICES.index(name) if name in OPENAI_VOICES else 0
    return installed[position % len(installed)]
