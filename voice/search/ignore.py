"""The rules of `.gitignore`, `.ignore` and `.voiceignore`, as they stand in the folders of a tree."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pathspec import GitIgnoreSpec

NAMES = (".voiceignore", ".ignore", ".gitignore")
"""Of two in a folder the first has the say; that of a folder has it over those further out."""
LARGEST_BYTES = 1 << 20
_NEVER_MEANT = ("node_modules/", "__pycache__/", "~$*")


class _Rules(NamedTuple):
    folder: str
    spec: GitIgnoreSpec


class Ignore(NamedTuple):
    """What is left out of a folder, by its own rules and those of the folders around it."""

    rules: tuple[_Rules, ...] = (_Rules("", GitIgnoreSpec.from_lines(_NEVER_MEANT)),)
    """The rules with most say first."""

    def below(self, folder: Path, name: str) -> "Ignore":
        """With the rules that stand in `folder`, which is called `name` from the top: "" or "a/"."""
        found = (_rules(folder / file, name) for file in NAMES)
        return Ignore((*(each for each in found if each), *self.rules))

    def leaves_out(self, name: str) -> bool:
        """Whether to leave out what has this name from the top; those of folders end in "/"."""
        for folder, spec in self.rules:
            decision = spec.check_file(name.removeprefix(folder)).include
            if decision is not None:
                return decision
        return False


def _rules(file: Path, folder: str) -> _Rules | None:
    try:
        with file.open("rb") as opened:
            lines = opened.read(LARGEST_BYTES).decode("utf-8-sig", errors="replace").splitlines()
    except OSError:  # Mostly there is none; of one that cannot be read nothing is known.
        return None
    return _Rules(folder, GitIgnoreSpec.from_lines(_patterns(lines)))


def _patterns(lines: Iterable[str]) -> Iterator[str]:
    """The lines that are patterns; git passes over the others without a word, too."""
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue
        yield line
