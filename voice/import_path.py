"""What processes that this one starts can import."""

import os
import sys
from pathlib import Path


def import_path() -> str:
    """The `PYTHONPATH` for a child run with `-P`: it imports what this process can, in its order.

    The -P keeps a user's folder from hiding our modules.
    """
    return os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
