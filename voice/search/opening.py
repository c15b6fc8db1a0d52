"""From what a setting names to the records behind it."""

from pathlib import Path

from voice.search.errors import SearchError
from voice.search.sqlite import open_sqlite
from voice.search.store import Records

POSTGRES_SCHEMES = ("postgresql://", "postgres://")


def open_records(location: str) -> Records:
    """The records at a path, or at a postgresql:// URL. Raises `SearchError`."""
    if location.startswith(POSTGRES_SCHEMES):
        return _open_postgres(location)
    if "://" in location:
        raise SearchError(
            f"'{location}' is neither a path nor a postgresql:// URL", "invalid", "location"
        )
    return open_sqlite(Path(location).expanduser())


def _open_postgres(url: str) -> Records:
    try:
        from voice.search.postgres import open_postgres  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SearchError(
            "PostgreSQL needs a driver: pip install 'inferno-voice[postgres]'", "unreachable"
        ) from error
    return open_postgres(url)
