"""Keeps a library in step with folders: what is new or changed is read, what has gone is removed."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from time import time

from msgspec.structs import replace

from voice.groups import ungrouped
from voice.search.errors import SearchError
from voice.search.folders import Scan, scan
from voice.search.formats import format_of, title_of
from voice.search.keeping import Keeper, Ready, every_store
from voice.search.lease import leased
from voice.search.library import Library, new_id
from voice.search.outcome import Advanced, Fate, Finished, Planned, Report, Summary
from voice.search.plan import Plan, Task, below, make_plan
from voice.search.prepared import Gone, Job, Prepared, Reading, Unreadable
from voice.search.records import FOLDERS_STORE, ChunkingRules, Document, Failure, VectorStore

LEASE = f"index {FOLDERS_STORE}"
WAITING = 16
"""How many documents may be read ahead of the embedder."""
KEEPERS = 2
"""How many embed at a time: while one waits for the database, the model has work."""
BATCH_CHUNKS = 32
"""Small documents are embedded together, up to so many chunks."""

_Queue = asyncio.Queue[Ready | None]


class Indexer:
    """Indexes folders into one store of a library, one pass at a time."""

    def __init__(
        self,
        library: Library,
        reading: Reading,
        rules: ChunkingRules,
        most_bytes: int,
        report: Report,
        now: Callable[[], float] = time,
    ) -> None:
        self.summary = Summary()
        """Of the pass that goes on, or of the last."""
        self._library = library
        self._reading = reading
        self._rules = rules
        self._most_bytes = most_bytes
        self._report = report
        self._now = now
        self._renamed: dict[str, Document] = {}
        """Documents whose files have gone, by their content, which may stand elsewhere now."""
        self._rebuild = False

    async def index(self, folders: Sequence[Path], *, rebuild: bool = False) -> Summary:
        """Bring the library up to date; with `rebuild`, read everything again, and embed anew what
        was uploaded if another embedder did it.

        Each document is kept as soon as it is read, whole, so a pass may be ended anywhere. Raises
        `SearchError` when somebody else is indexing, or the database fails, and `EngineError` when
        the embedder does.
        """
        self.summary, self._rebuild = Summary(), rebuild
        keeper = Keeper(self._library)
        async with leased(self._library, LEASE):
            await self._open_store()
            plan = await self._plan(folders)
            await self._remove(self._surely_gone(plan))
            await self._work(plan.tasks, keeper)
            await self._remove(self._renamed.values())
            await self._add_missing(keeper, FOLDERS_STORE)
            if rebuild:
                await self._embed_uploads(keeper)
        return self.summary

    async def forget(self, folder: Path) -> Summary:
        """Remove the documents of a folder; its files stay as they are."""
        self.summary = Summary()
        async with leased(self._library, LEASE):
            await self._remove(below(folder, await self._library.paths(FOLDERS_STORE)))
        return self.summary

    # ------------------------------------------------------------ what there is to do

    async def _open_store(self) -> None:
        store = await self._library.store(FOLDERS_STORE)
        if store is None:
            now = int(self._now())
            store = VectorStore(
                id=FOLDERS_STORE, name="Indexed folders", created_at=now, last_active_at=now
            )
            await self._library.put_store(store)
        embedder = self._library.embedder
        if embedder is None or store.embedder in {"", embedder.name}:
            return
        if not self._rebuild:
            raise SearchError(
                f"The vectors of the index were made by {store.embedder}, and the embedder is "
                f"{embedder.name} now. Either use {store.embedder} again, or make them anew with: "
                "voice index --rebuild",
                "embedder_mismatch",
            )
        await self._library.drop_vectors(FOLDERS_STORE)

    async def _plan(self, folders: Sequence[Path]) -> Plan:
        scans = {folder: await asyncio.to_thread(self._scan, folder) for folder in folders}
        documents = await self._library.paths(FOLDERS_STORE)
        plan = make_plan(scans, documents, self._rules, rebuild=self._rebuild)
        summary = self.summary
        for document in plan.unchanged:
            if document.failure:
                summary.failures[document.path] = document.failure.message
        summary.unchanged = sum(document.failure is None for document in plan.unchanged)
        summary.left = len(plan.tasks)
        summary.left_out = sum(each.left_out for each in scans.values())
        summary.spared = plan.spared
        self._report(Planned(len(plan.tasks), sum(t.file.size_bytes for t in plan.tasks)))
        return plan

    def _scan(self, folder: Path) -> Scan:
        try:
            found = scan(folder)
        except OSError as error:
            found = Scan(troubles={str(folder): f"cannot be opened: {error.strerror or error}"})
        self.summary.failures |= found.troubles
        return found

    def _surely_gone(self, plan: Plan) -> list[Document]:
        """What has gone and is not to be found, by its size, under another name."""
        new = {task.file.size_bytes for task in plan.tasks if task.known is None}
        maybe = [each for each in plan.gone if each.bytes in new and each.sha256]
        self._renamed = {document.sha256: document for document in maybe}
        kept = {document.id for document in self._renamed.values()}
        return [document for document in plan.gone if document.id not in kept]

    # ------------------------------------------------------------ the work

    async def _work(self, tasks: Sequence[Task], keeper: Keeper) -> None:
        queue = _Queue(maxsize=WAITING)
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(tasks, queue))
                for _ in range(KEEPERS):
                    group.create_task(_keep(keeper, queue))

    async def _read(self, tasks: Sequence[Task], queue: _Queue) -> None:
        """Read all files; those that can be kept go into the queue, and None for each keeper."""
        for task in tasks:
            job = Job(
                path=task.file.path,
                name=task.file.name,
                rules=self._rules,
                most_bytes=self._most_bytes,
                known_sha256=task.known_sha256,
            )
            match await self._reading.read(job):
                case Prepared() as prepared:
                    if not await self._is_only_moved(task, prepared):
                        await queue.put(self._ready(task, prepared))
                case Unreadable(code, message, sha256):
                    failure = Failure(code=code, message=message)
                    document = self._document(task, sha256=sha256, failure=failure)
                    await self._library.put(document)
                    self._finish(task, "failed", (message,))
                case Gone() if task.known:
                    await self._remove([task.known])
                    self._pass(task)
                case Gone():
                    self._pass(task)
                case _:
                    await self._note_time(task)
                    self.summary.unchanged += 1
                    self._pass(task)
        for _ in range(KEEPERS):
            await queue.put(None)

    async def _note_time(self, task: Task) -> None:
        """Of a file that was only touched, so that it is not read the next time."""
        if task.known:
            await self._library.amend(replace(task.known, modified_ns=task.file.modified_ns))

    async def _is_only_moved(self, task: Task, prepared: Prepared) -> bool:
        """Whether what is kept of the file under another name could be taken as it is."""
        twin = None if task.known or self._rebuild else self._renamed.get(prepared.sha256)
        if twin is None or (twin.status, twin.rules) != ("completed", self._rules):
            return False
        if await self._library.chunks(FOLDERS_STORE, twin.id) != prepared.chunks:
            return False  # Its name says that it is to be read otherwise.
        document = self._document(task, twin, prepared=prepared, sha256=prepared.sha256)
        if not await self._library.amend(document):
            return False
        del self._renamed[prepared.sha256]
        self._finish(task, "moved", prepared.notes)
        return True

    def _ready(self, task: Task, prepared: Prepared) -> Ready:
        twin = None if task.known else self._renamed.pop(prepared.sha256, None)
        document = self._document(task, twin, prepared=prepared, sha256=prepared.sha256)
        fate: Fate = "changed" if task.known else "moved" if twin else "added"
        size, told = task.file.size_bytes, 0.0

        def advance(share: float) -> None:
            nonlocal told
            told += share * size
            self._report(Advanced(share * size))

        def finish(reason: str) -> None:
            self._report(Advanced(-told))
            remarks = (reason,) if reason else prepared.notes
            self._finish(task, "failed" if reason else fate, remarks)

        return Ready(document, prepared.chunks, advance, finish)

    def _document(
        self,
        task: Task,
        twin: Document | None = None,
        *,
        prepared: Prepared | None = None,
        sha256: str = "",
        failure: Failure | None = None,
    ) -> Document:
        """The document of a file, with the id of what is known of it."""
        file, known = task.file, task.known or twin
        own = {"folder": task.folder, "path": file.name, "format": format_of(file.name)}
        return Document(
            id=known.id if known else new_id("doc-"),
            store_id=FOLDERS_STORE,
            name=file.name,
            path=file.path,
            title=prepared.title if prepared else title_of(file.name),
            sha256=sha256,
            bytes=prepared.bytes if prepared else file.size_bytes,
            modified_ns=prepared.modified_ns if prepared else file.modified_ns,
            attributes={**(prepared.attributes if prepared else {}), **own},
            rules=self._rules,
            status="failed" if failure else "completed",
            failure=failure,
            created_at=known.created_at if known else int(self._now()),
        )

    async def _add_missing(self, keeper: Keeper, store_id: str) -> None:
        async for document in keeper.add_missing(store_id):
            self.summary.embedded += 1
            self._report(Finished(document.path or document.name, "embedded"))

    async def _embed_uploads(self, keeper: Keeper) -> None:
        """Make vectors of another embedder anew from the chunks, for the files may have gone."""
        embedder = self._library.embedder
        async for store in every_store(self._library):
            if embedder is None or store.id == FOLDERS_STORE:
                continue
            if store.embedder not in {"", embedder.name}:
                await self._library.drop_vectors(store.id)
            await self._add_missing(keeper, store.id)

    # ------------------------------------------------------------ what became of it

    def _finish(self, task: Task, fate: Fate, remarks: tuple[str, ...] = ()) -> None:
        summary = self.summary
        match fate:
            case "failed":
                summary.failures[task.file.path] = remarks[0]
            case "changed":
                summary.changed += 1
            case "moved":
                summary.moved += 1
            case _:
                summary.added += 1
        self._pass(task)
        self._report(Finished(task.file.path, fate, remarks))

    def _pass(self, task: Task) -> None:
        self.summary.left -= 1
        self._report(Advanced(task.file.size_bytes))

    async def _remove(self, documents: Iterable[Document]) -> None:
        for document in list(documents):
            if await self._library.delete_document(FOLDERS_STORE, document.id):
                self.summary.removed += 1
                self._report(Finished(document.path, "removed"))


async def _keep(keeper: Keeper, queue: _Queue) -> None:
    """Keep what comes, small documents together, until None comes."""
    ready: Ready | None
    while ready := await queue.get():
        batch = [ready]
        with suppress(asyncio.QueueEmpty):
            while sum(len(each.chunks) for each in batch) < BATCH_CHUNKS:
                if (ready := queue.get_nowait()) is None:
                    break
                batch.append(ready)
        await keeper.keep(batch)
        if ready is None:
            return
