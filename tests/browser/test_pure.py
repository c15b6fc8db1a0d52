"""What the page computes, by itself in Node."""

import shutil
import subprocess
from pathlib import Path

import pytest

NODE = shutil.which("node")
OLDEST = (20, 19)
"""Those before take no modules from files that are called `.js`."""


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([NODE, *arguments], check=False, capture_output=True, text=True)


def test_the_parts_of_the_page_without_a_browser():
    if NODE is None:
        pytest.skip("node is not installed")
    version = _run("--version").stdout.strip()
    if tuple(int(each) for each in version.removeprefix("v").split(".")[:2]) < OLDEST:
        pytest.skip(f"node {version} is too old")
    done = _run("--test", "--test-reporter=tap", str(Path(__file__).with_name("pure.test.mjs")))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout
    assert "# pass 0" not in done.stdout
