"""What `voice index` shows: a bar on a terminal, plain lines elsewhere, and how it ended."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from voice.cli.terminal import harmless
from voice.search.outcome import Advanced, Event, Fate, Finished, Planned, Summary
from voice.search.records import Document, VectorStore

MOST_NAMED = 20


class Output:
    """Shows events of an indexer, while `shown`, and summaries."""

    def __init__(self) -> None:
        self.console = Console(
            stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False
        )
        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
        terminal = self.console.is_terminal
        self._bar = Progress(*columns, console=self.console, transient=True, disable=not terminal)
        self._task: TaskID | None = None
        self._files = self._done = 0

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._bar:
            yield

    def say(self, line: str) -> None:
        self.console.print(harmless(line))

    def take(self, event: Event) -> None:
        match event:
            case Planned(files, size):
                if self._task is not None:
                    self._bar.remove_task(self._task)
                self._files, self._done = files, 0
                self._task = self._bar.add_task(told(files, "file"), total=size, visible=files > 0)
            case Advanced(size) if self._task is not None:
                self._bar.advance(self._task, size)
            case Finished(_, "failed"):
                self._count("failed")  # The summary names it.
            case Finished(path, fate, remarks):
                self._count(fate)
                self._line(fate, path)
                for remark in remarks:
                    self.say(f"{path} {remark}")

    def _count(self, fate: Fate) -> None:
        if self._task is not None and fate not in {"removed", "embedded"}:
            self._done += 1
            text = f"{self._done:,} of {told(self._files, 'file')}"
            self._bar.update(self._task, description=text)

    def _line(self, fate: str, path: str) -> None:
        """What happened to a file; where a bar is shown that says it."""
        if not self.console.is_terminal:
            self.say(f"{fate} {path}")

    def summarize(self, summary: Summary, folders: Sequence[Path]) -> None:
        """Say how a pass ended, and name what could not be read."""
        for folder, count in summary.spared.items():
            self.say(
                f"{folder} has no documents any more; the {told(count, 'document')} indexed from "
                f"it stay. To forget them: voice index --remove {folder}"
            )
        done = summary.added + summary.changed + summary.moved + summary.removed
        if folders and not (done or summary.unchanged or summary.failures or summary.spared):
            self._nothing(summary, folders)
            return
        self.say(f"{_counts(summary) or 'nothing to do'}")
        if summary.failures:
            self.say(f"{told(len(summary.failures), 'file')} could not be indexed:")
            for path, reason in list(summary.failures.items())[:MOST_NAMED]:
                self.say(f"  {path} {reason}")
            if (more := len(summary.failures) - MOST_NAMED) > 0:
                self.say(f"  and {more} more; voice index --list names them")

    def _nothing(self, summary: Summary, folders: Sequence[Path]) -> None:
        where = ", ".join(map(str, folders))
        others = f" ({told(summary.left_out, 'file')} of other kinds)" if summary.left_out else ""
        self.say(
            f"There are no documents in {where}{others}; Markdown, text, HTML, PDF and DOCX are read"
        )

    def interrupted(self, summary: Summary, *, rebuild: bool) -> None:
        """Say how far a pass has come that did not reach its end."""
        if not summary.left:
            return
        counts = _counts(summary)
        left = "the rest stays as it was" if rebuild else "run it again to go on"
        self.say(
            f"Stopped{f' after {counts}' if counts else ''}; "
            f"{told(summary.left, 'file')} left. What is done is kept; {left}."
        )


def list_folders(database: str, documents: Sequence[Document], store: VectorStore | None) -> None:
    """Write what is indexed: to people as a table, to programs as lines with tabs."""
    if not documents:
        click.echo("Nothing is indexed yet: voice index FOLDER")
        return
    files = Counter(_folder(each) for each in documents if not each.failure or each.chunk_count)
    chunks = Counter({_folder(each): 0 for each in documents})
    for each in documents:
        chunks[_folder(each)] += each.chunk_count
    failed = Counter(_folder(each) for each in documents if each.failure)
    console = Console(highlight=False, soft_wrap=True)
    table = Table("Folder", "Documents", "Passages", "Not readable", box=None)
    for folder in sorted(chunks):
        row = (folder, str(files[folder]), str(chunks[folder]), str(failed[folder]))
        if console.is_terminal:
            table.add_row(*row)
        else:
            click.echo("\t".join(row))
    if console.is_terminal:
        console.print(table)
    for document in documents:
        if document.failure:
            click.echo(harmless(f"{document.path} {document.failure.message}"), err=True)
    vectors = (store and store.embedder) or "none: passages are found by their words alone"
    click.echo(f"{database}; vectors: {vectors}", err=True)


def told(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _folder(document: Document) -> str:
    return str(document.attributes.get("folder", ""))


def _counts(summary: Summary) -> str:
    counts = {
        "added": summary.added,
        "changed": summary.changed,
        "moved": summary.moved,
        "removed": summary.removed,
        "unchanged": summary.unchanged,
        "given vectors": summary.embedded,
    }
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
