"""Where the samples are: inside the installed package, or beside it in a checkout."""

from pathlib import Path


def samples_path() -> Path:
    """The folder with `documents/`, `questions/` and `questions.json`.

    Raises `FileNotFoundError` when the installation lacks it.
    """
    package = Path(__file__).parent
    for folder in (package / "samples", package.parent / "samples"):
        if (folder / "documents").is_dir():
            return folder
    raise FileNotFoundError(f"the samples are missing from this installation in {package}")
