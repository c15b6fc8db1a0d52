"""What this machine has to run models on: its cores, memory and GPU, as far as we may use them."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

GIB = 1 << 30

Accelerator = Literal["cuda", "metal"]


@dataclass(frozen=True, slots=True)
class Machine:
    cores: int
    memory_gib: float
    accelerator: Accelerator | None = None
    gpu_memory_gib: float = 0.0

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' if self.cores > 1 else ''}, {self.memory_gib:.0f} GiB"
        if self.accelerator == "cuda":
            return f"{cores}, a GPU with {self.gpu_memory_gib:.0f} GiB"
        return f"{cores}, Apple GPU" if self.accelerator else cores


def this_machine(cgroup: Path = Path("/sys/fs/cgroup")) -> Machine:
    """Look at this machine, and at the limits of the container it may be."""
    cores, memory_gib = _cores(cgroup), _memory_gib(cgroup)
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return Machine(cores, memory_gib, "metal", memory_gib)
    gpu_memory_gib = _cuda_memory_gib()
    return Machine(cores, memory_gib, "cuda" if gpu_memory_gib else None, gpu_memory_gib)


def _cores(cgroup: Path) -> int:
    available = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        available = min(available, max(1, int(quota) // int(period)))
    return available


def _memory_gib(cgroup: Path) -> float:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read(cgroup / "memory.max")
    return min(memory, int(limit) if limit.isdigit() else memory) / GIB


def _cuda_memory_gib() -> float:
    """The memory of the first GPU that NVIDIA's driver shows; 0 without one."""
    if (tool := shutil.which("nvidia-smi")) is None:
        return 0.0
    query = ["--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        shown = subprocess.run(
            [tool, *query], capture_output=True, text=True, timeout=10, check=True
        )
        return int(shown.stdout.split()[0]) / 1024  # It counts in MiB.
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
