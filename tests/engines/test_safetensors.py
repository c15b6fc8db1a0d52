import numpy as np
import pytest

from tests.engines.tiny_bert import safetensors
from voice.engines.protocols import EngineError
from voice.engines.safetensors import Tensors

MATRIX = np.arange(-3, 3, dtype=np.float32).reshape(2, 3) / 4  # exact in all the types


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        ("F32", MATRIX),
        ("F16", MATRIX.astype(np.float16)),
        ("BF16", (MATRIX.view(np.uint32) >> 16).astype(np.uint16)),
    ],
)
def test_floats_of_all_types_are_read(tmp_path, kind, stored):
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors({"other": stored, "matrix": stored}, kind))
    tensors = Tensors(path)
    assert list(tensors) == ["other", "matrix"]
    found = tensors.floats("matrix")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, MATRIX)


@pytest.mark.parametrize(
    "content", [b"", b"123", b"\xff" * 8 + b"{}", b"\x02" + b"\0" * 7 + b"[]", b"\0" * 64]
)
def test_other_files_are_told_apart(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(EngineError, match="is no safetensors file"):
        Tensors(path)


def test_what_is_not_there_and_what_is_no_float_is_an_error(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors({"ids": np.arange(3)}, "I64"))
    tensors = Tensors(path)
    with pytest.raises(EngineError, match="has no tensor 'words'"):
        tensors.floats("words")
    with pytest.raises(EngineError, match="'ids' is of I64, which is no type of floats"):
        tensors.floats("ids")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(EngineError, match="cut short"):
        Tensors(path).floats("ids")
