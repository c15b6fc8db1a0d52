"""Tiny llama.cpp models, made once for all tests of that engine."""

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.engines import models

if TYPE_CHECKING:
    from voice.engines.llama import Llama

HELLO = "Hello there, Zoë. Today 日本 is 🎉 far away!"


@pytest.fixture(scope="session")
def make_llama(tmp_path_factory: pytest.TempPathFactory) -> "Callable[..., Llama]":
    """Builds a generator that says a text; each is made once."""
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    from voice.engines.llama import Llama  # noqa: PLC0415 - an extra

    made: dict[object, Llama] = {}
    folder, numbers = tmp_path_factory.mktemp("gguf"), count()

    def make(says: str = HELLO, *, n_ctx: int = 512, **traits: object) -> Llama:
        key = (says, n_ctx, *sorted(traits.items()))
        if key not in made:
            path = models.gguf(folder / f"{next(numbers)}.gguf", says, **traits)
            made[key] = Llama(str(path), n_ctx=n_ctx, n_threads=1)
        return made[key]

    return make


@pytest.fixture(scope="session")
def llama(make_llama: "Callable[..., Llama]") -> "Llama":
    return make_llama()
