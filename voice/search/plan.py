"""What has to be done so that a library holds what folders hold. Pure."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from voice.search.folders import FoundFile, Scan
from voice.search.records import ChunkingRules, Document


class Task(NamedTuple):
    """A file that is to be read."""

    file: FoundFile
    folder: str
    known: Document | None
    """What is kept of it."""
    known_sha256: str
    """Of the content that need not be read again; empty where it must be."""


@dataclass(slots=True)
class Plan:
    tasks: list[Task] = field(default_factory=list)
    gone: list[Document] = field(default_factory=list)
    """Documents whose files are no more, or are left out now."""
    unchanged: list[Document] = field(default_factory=list)
    spared: dict[str, int] = field(default_factory=dict)
    """Folders in which nothing stands, and how many documents are kept of them."""


def make_plan(
    scans: Mapping[Path, Scan],
    documents: Iterable[Document],
    rules: ChunkingRules,
    *,
    rebuild: bool = False,
) -> Plan:
    """Compare folders with the documents that are kept.

    Of a folder that has become empty everything is kept: a disk may not be mounted. So is what
    stands below a folder that cannot be opened.
    """
    plan = Plan()
    known = {document.path: document for document in documents}
    found: set[str] = set()
    for folder, scan in scans.items():
        for file in scan.files:
            if file.path not in found:
                found.add(file.path)
                _judge(plan, file, folder, known.get(file.path), rules, rebuild=rebuild)
    for folder, scan in scans.items():
        missing = [each for each in below(folder, known.values()) if each.path not in found]
        found.update(document.path for document in missing)
        if missing and not (scan.files or scan.is_in_use):
            plan.spared[str(folder)] = len(missing)
        else:
            hidden = tuple(map(_with_slash, scan.troubles))
            plan.gone += [each for each in missing if not f"{each.path}{os.sep}".startswith(hidden)]
    return plan


def below(folder: Path, documents: Iterable[Document]) -> list[Document]:
    """Those that were read from a folder, or one in it."""
    prefix = _with_slash(str(folder))
    return [document for document in documents if document.path.startswith(prefix)]


def _with_slash(path: str) -> str:
    return path if path.endswith(os.sep) else path + os.sep


def _judge(
    plan: Plan,
    file: FoundFile,
    folder: Path,
    known: Document | None,
    rules: ChunkingRules,
    *,
    rebuild: bool,
) -> None:
    if known and not rebuild and _is_as_kept(file, known, rules):
        plan.unchanged.append(known)
        return
    is_good = known and not rebuild and known.status == "completed" and known.rules == rules
    plan.tasks.append(Task(file, str(folder), known, known.sha256 if known and is_good else ""))


def _is_as_kept(file: FoundFile, known: Document, rules: ChunkingRules) -> bool:
    if (file.size_bytes, file.modified_ns) != (known.bytes, known.modified_ns):
        return False
    if known.status == "failed":
        # Our own troubles may have passed.
        return known.failure is not None and known.failure.code != "server_error"
    return known.status == "completed" and known.rules == rules
