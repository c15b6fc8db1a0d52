"""From what a setting names to the records behind it."""

from pathlib import Path

from voice.search.sqlite import open_sqlite
from voice.search.store import Records


def open_records(location: str) -> tuple[Records, Path]:
    """The records at a path, and where uploaded files are kept. Raises `SearchError`."""
    path = Path(location).expanduser()
    return open_sqlite(path), path.with_suffix(".files")
