import pytest

from voice.engines.machine import Machine, this_machine
from voice.engines.recommend import largest_llama_gb, recommend


def names(machine: Machine) -> list[str]:
    """What is recommended, without the long file names of language models."""
    return [each.name.split("/")[-1].split("-GGUF")[0] for each in recommend(machine)]


@pytest.mark.parametrize(
    ("machine", "recommended"),
    [
        (Machine(1, 1), ["whisper:tiny", "minilm"]),
        (Machine(2, 4), ["whisper:base", "Qwen2.5-0.5B-Instruct", "minilm"]),
        (Machine(4, 8), ["whisper:small", "Qwen2.5-1.5B-Instruct", "kokoro", "minilm"]),
        (Machine(4, 2), ["whisper:small", "Qwen2.5-0.5B-Instruct", "minilm"]),
        (Machine(32, 128), ["whisper:small", "Qwen2.5-1.5B-Instruct", "kokoro", "minilm"]),
        (
            Machine(8, 16, "metal", 16),
            ["whisper:small", "Qwen3-4B-Instruct-2507", "kokoro", "minilm"],
        ),
        (
            Machine(4, 16, "cuda", 8),
            ["whisper:large-v3-turbo", "Qwen3-4B-Instruct-2507", "kokoro", "minilm"],
        ),
        (Machine(4, 16, "cuda", 4), ["whisper:small", "Qwen2.5-1.5B-Instruct", "kokoro", "minilm"]),
    ],
)
def test_what_runs_in_real_time_is_recommended(machine, recommended):
    assert names(machine) == recommended


def test_more_of_a_machine_never_allows_less():
    sizes = [largest_llama_gb(Machine(cores, 64)) for cores in range(1, 65)]
    assert sizes == sorted(sizes)


def test_every_recommendation_fits_into_half_of_the_memory():
    for machine in (Machine(2, 2), Machine(16, 3), Machine(4, 16, "cuda", 6)):
        memory_gib = machine.gpu_memory_gib or machine.memory_gib
        assert all(each.size_gb <= memory_gib / 2 for each in recommend(machine))


def test_the_limits_of_a_container_are_the_machine(tmp_path):
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text(str(512 << 20))
    machine = this_machine(tmp_path)
    assert (machine.cores, machine.memory_gib) == (1, 0.5)


def test_without_limits_the_whole_machine_counts(tmp_path):
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    machine = this_machine(tmp_path)
    assert machine == this_machine(tmp_path / "nowhere")
    assert machine.memory_gib > 0.5


@pytest.mark.parametrize(
    ("machine", "text"),
    [
        (Machine(1, 2), "1 core, 2 GiB"),
        (Machine(8, 15.6), "8 cores, 16 GiB"),
        (Machine(8, 16, "cuda", 24), "8 cores, 16 GiB, a GPU with 24 GiB"),
        (Machine(8, 16, "metal", 16), "8 cores, 16 GiB, Apple GPU"),
    ],
)
def test_a_machine_is_described_in_words(machine, text):
    assert str(machine) == text
