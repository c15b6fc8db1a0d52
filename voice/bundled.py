"""Where the files that come along are: inside the installed package, or beside it in a checkout."""

from pathlib import Path


def samples_path() -> Path:
    """The folder with `documents/`, `questions/` and `questions.json`.

    Raises `FileNotFoundError` when the installation lacks it.
    """
    return _folder("samples", holding="documents")


def web_path() -> Path:
    """The folder of the page: `index.html`, its scripts and styles.

    Raises `FileNotFoundError` when the installation lacks it.
    """
    return _folder("web", holding="index.html")


def _folder(name: str, holding: str) -> Path:
    package = Path(__file__).parent
    for folder in (package / name, package.parent / name):
        if (folder / holding).exists():
            return folder
    raise FileNotFoundError(f"{name}/ is missing from this installation in {package}")
