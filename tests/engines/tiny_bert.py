"""A BERT with few and random weights: as the files of a model, and computed plainly."""

import json
import struct
from math import erf
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "dogs",
    "run",
    "far",
    "away",
]
HIDDEN, INNER, HEADS, LAYERS, POSITIONS = 32, 64, 4, 2, 24
EPSILON = 1e-12

CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "layer_norm_eps": EPSILON,
    "max_position_embeddings": POSITIONS,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "vocab_size": len(WORDS),
}


def random_tensors(seed: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = {
        "embeddings.word_embeddings.weight": (len(WORDS), HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
    } | norm("embeddings.LayerNorm")
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= linear(f"{layer}.attention.{part}", HIDDEN, HIDDEN)
        shapes |= norm(f"{layer}.attention.output.LayerNorm")
        shapes |= linear(f"{layer}.intermediate.dense", INNER, HIDDEN)
        shapes |= linear(f"{layer}.output.dense", HIDDEN, INNER)
        shapes |= norm(f"{layer}.output.LayerNorm")
    return {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def linear(name: str, rows: int, columns: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (HIDDEN,), f"{name}.bias": (HIDDEN,)}


def write(folder: Path, tensors: dict[str, np.ndarray] | None = None) -> Path:
    """Lay the model into a folder as its makers would."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "model.safetensors").write_bytes(safetensors(tensors or random_tensors()))
    return folder


def tokenizer() -> Tokenizer:
    """It asks for padding and truncation, as the real one does."""
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.enable_truncation(8)
    made.enable_padding(length=8)
    return made


def safetensors(tensors: dict[str, np.ndarray], kind: str = "F32") -> bytes:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, tensor in tensors.items():
        added = tensor.tobytes()
        offsets = [len(data), len(data) + len(added)]
        header[name] = {"dtype": kind, "shape": tensor.shape, "data_offsets": offsets}
        data += added
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + data


def reference(tokens: list[int], tensors: dict[str, np.ndarray]) -> np.ndarray:
    """(n_hidden,) the mean token of a BERT, of length 1, in float64 and with no library."""
    weights = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    x = weights["embeddings.word_embeddings.weight"][tokens]
    x = x + weights["embeddings.position_embeddings.weight"][: len(tokens)]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    x = normed(x, weights, "embeddings.LayerNorm")
    for number in range(LAYERS):
        x = block(x, weights, f"encoder.layer.{number}")
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


def block(x, weights, layer):
    query, key, value = (
        heads(affine(x, weights, f"{layer}.attention.self.{part}"))
        for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(HIDDEN // HEADS)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    seen = scores / scores.sum(axis=-1, keepdims=True) @ value  # (n_heads, n_tokens, n_head)
    joined = seen.transpose(1, 0, 2).reshape(len(x), HIDDEN)
    x = x + affine(joined, weights, f"{layer}.attention.output.dense")
    x = normed(x, weights, f"{layer}.attention.output.LayerNorm")
    inner = affine(x, weights, f"{layer}.intermediate.dense")
    inner = inner * 0.5 * (1 + np.vectorize(erf)(inner / np.sqrt(2)))
    x = x + affine(inner, weights, f"{layer}.output.dense")
    return normed(x, weights, f"{layer}.output.LayerNorm")


def heads(x):
    return x.reshape(len(x), HEADS, -1).transpose(1, 0, 2)


def affine(x, weights, name):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def normed(x, weights, name):
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt(x.var(axis=-1, keepdims=True) + EPSILON)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
