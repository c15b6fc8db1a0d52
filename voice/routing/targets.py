"""Who can answer for the name of a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from voice.providers.protocol import Trouble
from voice.routing.kinds import ModelKind

LOCAL = "local"
"""In place of a provider's name: an engine of this server."""

FallbackClass = Trouble | Literal["any"]

FALLBACK_CLASSES: tuple[FallbackClass, ...] = (
    *(trouble for trouble in get_args(Trouble) if trouble != "request"),
    "any",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A model as one provider calls it."""

    provider: str
    model: str
    weight: float = 1.0
    """Its share of the requests among those of its order."""
    order: int = 1
    """Higher ones are asked when all lower ones fail."""
    context_tokens: int | None = None
    voices: tuple[str, ...] = ()
    """What it speaks with, the usual voice first, as far as that was said."""

    @property
    def key(self) -> tuple[str, str]:
        return self.provider, self.model


@dataclass(frozen=True, slots=True)
class Route:
    """The targets of one model, and the models that step in for it."""

    name: str
    targets: tuple[Target, ...]
    fallbacks: Mapping[FallbackClass, tuple[str, ...]] = field(default_factory=dict)
    kind: ModelKind | None = None
    """What it does, where that is known."""

    @property
    def voices(self) -> tuple[str, ...]:
        """What its targets are known to speak with."""
        return tuple(dict.fromkeys(voice for each in self.targets for voice in each.voices))

    def steps_in(self, trouble: Trouble) -> tuple[str, ...]:
        """Who is asked after this trouble: the list for it, or else the one for any."""
        if trouble == "request":
            return ()
        return self.fallbacks.get(trouble, self.fallbacks.get("any", ()))
