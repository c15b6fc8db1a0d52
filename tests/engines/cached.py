"""Lays models of a few bytes into a folder like the cache of the hub."""

from pathlib import Path

WHISPER = ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt")
MINILM = ("config.json", "model.safetensors", "tokenizer.json")
KOKORO = ("config.json", "kokoro-v1_0.pth", "voices/af_heart.pt")


def cache(hub: Path, repo: str, files: tuple[str, ...], commit: str = "c0ffee") -> Path:
    """Lay a repository into a cache as the hub's own client does: blobs, and links to them."""
    folder = hub / f"models--{repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    for file in files:
        path = snapshot / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(commit)
    return snapshot
