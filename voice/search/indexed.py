"""Which folders are indexed, for those who prepare for talk about them."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import structlog

from voice.search.errors import SearchError
from voice.search.opening import POSTGRES_SCHEMES, open_records
from voice.search.records import FOLDERS_STORE, Document

log = structlog.get_logger()


def indexed_folders(location: str) -> list[str]:
    """The folders that are indexed at a location and still there; none where nothing can be read.

    No database is made.
    """
    if not location.startswith(POSTGRES_SCHEMES) and not Path(location).expanduser().exists():
        return []
    try:
        with closing(open_records(location)) as records:
            found = folders_of(records.paths(FOLDERS_STORE))
    except SearchError as error:
        log.warning("the indexed folders are not known", reason=str(error))
        return []
    return [folder for folder in found if Path(folder).is_dir()]


def folders_of(documents: Iterable[Document]) -> list[str]:
    """The folders that documents were indexed with."""
    return sorted({str(document.attributes.get("folder", "")) for document in documents} - {""})
