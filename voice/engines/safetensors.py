"""Reads the tensors of a safetensors file with numpy alone, and only those that are asked for."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from voice.engines.protocols import EngineError

HEADER_BYTES = 8


class Entry(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]
    """First byte and the one after the last, counted from the end of the header."""


class Tensors:
    """A safetensors file. Raises `EngineError` when it is none, or cut short."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._bytes = np.memmap(path, np.uint8, mode="r")  # (file_size,)
            header = _header(self._bytes)
            fields = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
            fields.pop("__metadata__", None)
            self._entries = {
                name: msgspec.json.decode(entry, type=Entry) for name, entry in fields.items()
            }
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise EngineError(f"{path} is no safetensors file: {error}") from error
        self._start = HEADER_BYTES + len(header)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def floats(self, name: str) -> NDArray[np.float32]:
        """A tensor of any float type as float32. Raises `EngineError` when it is not there."""
        if (entry := self._entries.get(name)) is None:
            raise EngineError(f"{self._path} has no tensor {name!r}")
        start, end = (self._start + offset for offset in entry.data_offsets)
        data = self._bytes[start:end]
        if len(data) != end - start:
            raise EngineError(f"{self._path} is cut short: {name!r} is not all there")
        return _floats(data, entry, name).reshape(entry.shape)


def _header(file: NDArray[np.uint8]) -> bytes:
    size = int.from_bytes(file[:HEADER_BYTES].tobytes(), "little")
    if size > len(file) - HEADER_BYTES:
        raise ValueError("its header is cut short")
    return file[HEADER_BYTES : HEADER_BYTES + size].tobytes()


def _floats(data: NDArray[np.uint8], entry: Entry, name: str) -> NDArray[np.float32]:
    match entry.dtype:
        case "F32":
            return data.view("<f4").astype(np.float32)
        case "F16":
            return data.view("<f2").astype(np.float32)
        case "BF16":
            # The upper half of a float32.
            return (data.view("<u2").astype(np.uint32) << 16).view(np.float32)
    raise EngineError(f"tensor {name!r} is of {entry.dtype}, which is no type of floats")
