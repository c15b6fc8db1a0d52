"""What a remote provider is made from."""

from collections.abc import Callable
from dataclasses import dataclass, field

from voice.providers.kinds import ProviderKind
from voice.providers.protocol import Provider


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """A remote server, and how to talk to it."""

    name: str
    kind: ProviderKind
    base_url: str
    """Without a slash at its end."""
    api_key: str = field(default="", repr=False)
    timeout_s: float = 60.0
    """The longest silence."""
    max_connections: int = 1000


ProviderFactory = Callable[[ProviderConfig], Provider]
