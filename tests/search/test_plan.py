"""What there is to do is told by comparing folders with what is kept."""

from pathlib import Path

import msgspec
import pytest

from voice.search.folders import FoundFile, Scan
from voice.search.plan import below, make_plan
from voice.search.records import ChunkingRules, Document, Failure

RULES = ChunkingRules(max_tokens=256, overlap_tokens=32)
TOP = Path("/notes")


def kept(path="/notes/a.md", **changes):
    fields = {
        "id": path,
        "store_id": "s",
        "name": path.rpartition("/")[2],
        "path": path,
        "sha256": "abc",
        "bytes": 10,
        "modified_ns": 5,
        "rules": RULES,
        "status": "completed",
        "created_at": 1,
    }
    return Document(**(fields | changes))


def found(*names, size=10, modified_ns=5):
    return Scan([FoundFile(f"/notes/{name}", name, size, modified_ns) for name in names])


def test_a_new_file_is_read():
    (task,) = make_plan({TOP: found("a.md")}, [], RULES).tasks
    assert (task.file.name, task.folder, task.known, task.known_sha256) == (
        "a.md",
        "/notes",
        None,
        "",
    )


def test_a_file_that_looks_as_it_did_is_not_read():
    plan = make_plan({TOP: found("a.md")}, [kept()], RULES)
    assert (plan.tasks, plan.gone, plan.unchanged) == ([], [], [kept()])


@pytest.mark.parametrize("scan", [found("a.md", size=11), found("a.md", modified_ns=4)])
def test_a_file_that_looks_otherwise_is_read_unless_its_content_is_the_same(scan):
    (task,) = make_plan({TOP: scan}, [kept()], RULES).tasks
    assert (task.known, task.known_sha256) == (kept(), "abc")


def test_other_rules_and_a_rebuild_read_everything_whatever_its_content():
    for plan in (
        make_plan({TOP: found("a.md")}, [kept()], ChunkingRules()),
        make_plan({TOP: found("a.md")}, [kept()], RULES, rebuild=True),
    ):
        assert [(task.known, task.known_sha256) for task in plan.tasks] == [(kept(), "")]


@pytest.mark.parametrize(
    ("code", "again"),
    [("server_error", True), ("invalid_file", False), ("unsupported_file", False)],
)
def test_what_failed_by_our_own_fault_is_read_again(code, again):
    failed = kept(status="failed", failure=Failure(code=code, message="is broken"))
    plan = make_plan({TOP: found("a.md")}, [failed], RULES)
    assert bool(plan.tasks) is again
    assert bool(plan.unchanged) is not again


def test_what_is_not_found_has_gone_but_only_from_the_folders_looked_at():
    documents = [kept("/notes/b.md"), kept("/notes-old/c.md"), kept("/other/d.md")]
    plan = make_plan({TOP: found("a.md")}, documents, RULES)
    assert plan.gone == [documents[0]]


def test_what_cannot_be_looked_at_has_not_gone():
    scan = found("a.md")
    scan.troubles = {"/notes/locked": "cannot be opened", "/notes/x.md": "is odd"}
    names = ("/notes/locked/b.md", "/notes/x.md", "/notes/locked.md")
    plan = make_plan({TOP: scan}, [kept(name) for name in names], RULES)
    assert [document.path for document in plan.gone] == ["/notes/locked.md"]


def test_a_folder_that_became_empty_keeps_its_documents_and_says_so():
    plan = make_plan({TOP: Scan()}, [kept("/notes/a.md"), kept("/notes/b/c.md")], RULES)
    assert plan.gone == []
    assert plan.spared == {"/notes": 2}


def test_a_file_of_two_folders_is_read_once():
    inner = Scan([FoundFile("/notes/sub/a.md", "a.md", 10, 5)])
    plan = make_plan({TOP: found("sub/a.md"), TOP / "sub": inner}, [], RULES)
    assert [task.file.name for task in plan.tasks] == ["sub/a.md"]


def test_the_top_of_the_machine_is_a_folder_too():
    assert below(Path("/"), [kept()]) == [kept()]
    assert below(TOP, [msgspec.structs.replace(kept(), path="/notes")]) == []
