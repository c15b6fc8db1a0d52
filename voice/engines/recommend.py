"""Which models a machine runs in real time: figures in, names out, nothing looked up.

Speech-to-text is chosen so that the text of ten seconds of speech is there in about a third of a
second, the language model so that it writes several times as fast as one speaks, for it has to read
before it writes. The figures were measured with 8-bit Whisper and 8-bit GGUF on a server's cores.
"""

from typing import NamedTuple

from voice.engines.machine import Machine

# Decoding reads every weight once for a token, at this rate on one core, up to what memory gives.
CORE_GB_PER_S = 6.7
MEMORY_GB_PER_S = 40.0
METAL_GB_PER_S = 80.0
TOKENS_PER_S = 20.0
# On a CPU the encoder decides: 0.14 s for ten seconds with `base` on two cores, 4 times that with
# `small`, 12 times with `medium`.
WHISPER_GB_BY_CORES = ((4, 0.6), (2, 0.2), (0, 0.1))
# The rest is for the system, the context and the other models.
SHARE_OF_MEMORY = 0.5


class Offer(NamedTuple):
    name: str
    size_gb: float


class Recommendation(NamedTuple):
    name: str
    size_gb: float
    reason: str


# From the best to the smallest; so are the next.
WHISPER_SIZES = (
    Offer("large-v3-turbo", 1.6),
    Offer("small", 0.5),
    Offer("base", 0.15),
    Offer("tiny", 0.08),
)

LLAMA_MODELS = (
    Offer("unsloth/Qwen3-4B-Instruct-2507-GGUF", 2.5),
    Offer("Qwen/Qwen2.5-1.5B-Instruct-GGUF", 1.1),
    Offer("Qwen/Qwen2.5-0.5B-Instruct-GGUF", 0.5),
)

KOKORO = Offer("kokoro", 0.36)
MINILM = Offer("minilm", 0.09)
KOKORO_CORES = 4
KOKORO_MEMORY_GIB = 4.0


def recommend(machine: Machine) -> tuple[Recommendation, ...]:
    """What to pull for a machine; nothing of a kind that it cannot run in real time."""
    recommended = [_whisper(machine)]
    if llama := _llama(machine):
        recommended.append(llama)
    if machine.accelerator == "cuda" or (
        machine.cores >= KOKORO_CORES and machine.memory_gib >= KOKORO_MEMORY_GIB
    ):
        recommended.append(Recommendation(*KOKORO, "a natural voice, faster than real time here"))
    recommended.append(Recommendation(*MINILM, "embeddings that cost next to nothing anywhere"))
    return tuple(recommended)


def largest_whisper_gb(machine: Machine) -> float:
    """The size of model up to which the text is there soon after the speech."""
    if machine.accelerator == "cuda":
        return machine.gpu_memory_gib / 4
    # Apple's GPU does not help: CTranslate2 has no use for it.
    return next(size_gb for cores, size_gb in WHISPER_GB_BY_CORES if machine.cores >= cores)


def largest_llama_gb(machine: Machine) -> float:
    """The size of GGUF file up to which a reply is read and written faster than it is spoken."""
    if machine.accelerator == "cuda":
        return machine.gpu_memory_gib * SHARE_OF_MEMORY
    speed = min(machine.cores * CORE_GB_PER_S, MEMORY_GB_PER_S)
    if machine.accelerator == "metal":
        speed = METAL_GB_PER_S
    return min(speed / TOKENS_PER_S, machine.memory_gib * SHARE_OF_MEMORY)


def _whisper(machine: Machine) -> Recommendation:
    best = _largest(WHISPER_SIZES, largest_whisper_gb(machine)) or WHISPER_SIZES[-1]
    return Recommendation(f"whisper:{best.name}", best.size_gb, "the best ears that keep up here")


def _llama(machine: Machine) -> Recommendation | None:
    if (best := _largest(LLAMA_MODELS, largest_llama_gb(machine))) is None:
        return None
    reason = "the largest that writes faster than one speaks here"
    return Recommendation(f"llama:{best.name}", best.size_gb, reason)


def _largest(offers: tuple[Offer, ...], largest_gb: float) -> Offer | None:
    return next((offer for offer in offers if offer.size_gb <= largest_gb), None)
