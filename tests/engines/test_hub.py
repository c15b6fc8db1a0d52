import fcntl
import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.fake_hub import FakeHub, serving
from voice.engines import hub as hub_module
from voice.engines.hub import File, Hub, HubError, Lfs, Sibling, checked
from voice.engines.weights import Weights

REPO = "Systran/faster-whisper-base"
WEIGHTS = bytes(range(256)) * 20
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"[1]",
    "vocabulary.txt": b"a\nb",
    "model.bin": WEIGHTS,
}


@pytest.fixture
def remote(monkeypatch):
    monkeypatch.setattr(hub_module, "DELAY_S", 0.0)
    with serving() as hub:
        hub.repos[REPO] = dict(FILES)
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub"


async def fetch(remote: FakeHub, cache: Path, *, token: str = "") -> Path:
    """Bring the whole repository here."""
    async with Hub(cache, endpoint=remote.url, token=token) as hub:
        listed = await hub.repository(REPO)
        return await hub.fetch(REPO, listed.sha, listed.files(), lambda *_: None)


async def refused(remote: FakeHub, cache: Path) -> str:
    with pytest.raises(HubError) as caught:
        await fetch(remote, cache)
    return str(caught.value)


async def test_what_was_fetched_is_found_by_us_and_by_the_hubs_own_client(
    remote, cache, monkeypatch
):
    folder = await fetch(remote, cache)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert Weights(cache, []).whisper("base") == folder
    huggingface_hub = pytest.importorskip("huggingface_hub")
    found = huggingface_hub.hf_hub_download(
        REPO, "model.bin", cache_dir=cache, local_files_only=True
    )
    assert Path(found) == folder / "model.bin"


async def test_what_is_here_is_not_fetched_again(remote, cache):
    folder = await fetch(remote, cache)
    remote.gets.clear()
    assert await fetch(remote, cache) == folder
    assert remote.gets == []


async def test_a_broken_connection_is_taken_up_where_it_ended(remote, cache):
    remote.repos[REPO] = {"model.bin": WEIGHTS}
    remote.cuts = [1000, 2000]
    folder = await fetch(remote, cache)
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert [asked for _, asked in remote.gets] == ["bytes=0-", "bytes=1000-", "bytes=3000-"]


async def test_another_run_takes_up_what_one_has_left(remote, cache):
    remote.repos[REPO] = {"model.bin": WEIGHTS}
    remote.cuts = [1000, *[0] * hub_module.ATTEMPTS]
    assert "cannot be reached" in await refused(remote, cache)
    remote.cuts, remote.gets = [], []
    folder = await fetch(remote, cache)
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert remote.gets == [("model.bin", "bytes=1000-")]


async def test_a_hub_that_knows_no_ranges_sends_it_all_again(remote, cache):
    remote.repos[REPO] = {"model.bin": WEIGHTS}
    remote.knows_ranges = False
    remote.cuts = [1000]
    folder = await fetch(remote, cache)
    assert (folder / "model.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
async def test_a_damaged_file_gets_no_name(remote, cache, name):
    remote.repos[REPO] = {name: FILES[name]}
    remote.damages = True
    assert (
        await refused(remote, cache) == f"{name} arrived damaged and was thrown away; pull it again"
    )
    assert Weights(cache, []).whisper("base") is None
    assert not list(cache.rglob("*.incomplete"))
    remote.damages = False
    folder = await fetch(remote, cache)
    assert (folder / name).read_bytes() == FILES[name]


async def test_an_incomplete_model_is_not_seen(remote, cache):
    remote.cuts = [10**6, 10**6, 10**6, 1000, *[0] * hub_module.ATTEMPTS]
    await refused(remote, cache)
    assert list(Weights(cache, []).models()) == []


async def test_a_hub_that_is_overloaded_for_a_moment_is_asked_again(remote, cache):
    async with Hub(cache, endpoint=remote.url) as hub:
        listed = await hub.repository(REPO)
        remote.statuses = [503, 429]
        folder = await hub.fetch(REPO, listed.sha, listed.files(), lambda *_: None)
    assert (folder / "model.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "not open to you: check its name, or set HF_TOKEN"),
        (404, "check its name"),
        (418, "answers 418"),
        (503, "try again later"),
    ],
)
async def test_a_refusal_of_the_hub_is_explained(remote, cache, status, message):
    remote.statuses = [status]
    told = await refused(remote, cache)
    assert message in told
    assert REPO in told


async def test_an_unknown_repository_is_named(remote, cache):
    async with Hub(cache, endpoint=remote.url) as hub:
        with pytest.raises(HubError, match="some/thing is not on http"):
            await hub.repository("some/thing")


async def test_a_hub_that_is_not_there_is_named(cache):
    async with Hub(cache, endpoint="http://127.0.0.1:9") as hub:
        with pytest.raises(HubError, match=r"127\.0\.0\.1:9 cannot be reached .*set HF_ENDPOINT"):
            await hub.repository(REPO)


async def test_an_address_that_is_no_hub_is_named(remote, cache):
    remote.repos["api/models/x"] = {}
    remote.listing = lambda _repo: b"<html>"
    assert "does not answer like a model hub" in await refused(remote, cache)


async def test_the_token_is_sent(remote, cache):
    await fetch(remote, cache, token="hf_secret")
    assert set(remote.tokens) == {"Bearer hf_secret"}


async def test_the_token_is_not_sent_to_where_the_hub_keeps_its_files(remote, cache):
    with serving() as storage:
        storage.repos = remote.repos
        remote.files_at = storage.url
        await fetch(remote, cache, token="hf_secret")
    assert [name for name, _ in storage.gets] == list(FILES)
    assert set(storage.tokens) == {None}


async def test_a_full_disk_is_seen_before_the_download(remote, cache, monkeypatch):
    full = SimpleNamespace(free=1000)
    monkeypatch.setattr(hub_module.shutil, "disk_usage", lambda _: full)
    assert "make room, or set HF_HOME" in await refused(remote, cache)
    assert remote.gets == []


async def test_two_processes_do_not_write_one_file(remote, cache):
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    blobs = cache / f"models--{REPO.replace('/', '--')}" / "blobs"
    blobs.mkdir(parents=True)
    with (blobs / f"{digest}.incomplete").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert await refused(remote, cache) == "model.bin is being fetched by another process"


async def test_progress_is_reported_by_file(remote, cache):
    seen: dict[str, list[int]] = {}
    async with Hub(cache, endpoint=remote.url) as hub:
        listed = await hub.repository(REPO)
        await hub.fetch(
            REPO,
            listed.sha,
            listed.files(),
            lambda name, here, _: seen.setdefault(name, []).append(here),
        )
    assert {name: here[-1] for name, here in seen.items()} == {
        name: len(data) for name, data in FILES.items()
    }
    assert all(here == sorted(here) for here in seen.values())


@pytest.mark.parametrize(
    "sibling",
    [
        Sibling(rfilename="../../.bashrc", blob_id="0" * 40),
        Sibling(rfilename="/etc/passwd", blob_id="0" * 40),
        Sibling(rfilename="model.bin", blob_id="../../x"),
        Sibling(rfilename="model.bin", blob_id=""),
    ],
)
def test_names_that_lead_out_of_the_cache_are_refused(sibling):
    with pytest.raises(HubError, match="cannot be stored"):
        checked(sibling)


def test_a_large_file_has_its_own_digest():
    sibling = Sibling("model.bin", 5, "0" * 40, Lfs("a" * 64))
    assert checked(sibling) == File("model.bin", 5, "a" * 64)
