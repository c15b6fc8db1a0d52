"""How many files and sockets this process may have open."""

from contextlib import suppress

ENOUGH = 65_536


def allow_many() -> None:
    """Raise the soft limit as far as the system lets us.

    It is 1024 on most systems, for the sake of programs that still use `select`; a stream that goes
    through to another server takes two.
    """
    try:
        import resource  # noqa: PLC0415 - Windows has none, and no such limit
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS says that it has no limit, and has one.
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
