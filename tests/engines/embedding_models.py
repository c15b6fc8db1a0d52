"""Makes tiny embedding models, and says what they must answer.

Each is a real model file for the real library; the same arithmetic is done here in plain numpy.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gguf import GGUFWriter

WIDTH, HIDDEN, HEADS, CONTEXT = 64, 96, 2, 48
BERT_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁the", "▁cat", "▁dog", "▁sat", "s")
LLAMA_TOKENS = ("<s>", "</s>", *"abcdefghij")

Tensors = dict[str, np.ndarray]


def bert(path: Path, pooling: int = 1) -> Tensors:
    """One layer of BERT with random weights, which are returned; words of `BERT_TOKENS`."""
    from gguf import GGUFWriter  # noqa: PLC0415 - only tests of this engine need it

    rng = np.random.default_rng(5)

    def random(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    tensors = {
        "token_embd.weight": random(len(BERT_TOKENS), WIDTH),
        "token_types.weight": random(2, WIDTH),
        "position_embd.weight": random(CONTEXT, WIDTH),
    }
    shapes = {f"blk.0.attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "output")}
    shapes |= {"blk.0.ffn_up": (HIDDEN, WIDTH), "blk.0.ffn_down": (WIDTH, HIDDEN)}
    for name, shape in shapes.items():
        tensors |= {f"{name}.weight": random(*shape) * 0.2, f"{name}.bias": random(shape[0])}
    for name in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        tensors |= {f"{name}.weight": random(WIDTH), f"{name}.bias": random(WIDTH)}
    writer = GGUFWriter(path, "bert")
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(_pooling(pooling))
    writer.add_tokenizer_model("bert")
    writer.add_token_list(BERT_TOKENS)
    writer.add_token_type_count(2)
    for name, number in (("unknown", 1), ("bos", 2), ("cls", 2), ("seperator", 3), ("padding", 0)):
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", number)
    _write(writer, tensors)
    return tensors


def bert_hidden(tensors: Tensors, tokens: list[int]) -> np.ndarray:
    """(tokens, WIDTH): what the layer makes of tokens that all look at each other."""

    def linear(name: str, rows: np.ndarray) -> np.ndarray:
        return rows @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    def norm(name: str, rows: np.ndarray) -> np.ndarray:
        centred = rows - rows.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    size = WIDTH // HEADS
    rows = tensors["token_embd.weight"][tokens] + tensors["token_types.weight"][0]
    rows = norm("token_embd_norm", rows + tensors["position_embd.weight"][: len(tokens)])
    mixed = np.zeros_like(rows)
    q, k, v = (linear(f"blk.0.attn_{part}", rows) for part in "qkv")
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        scores = np.exp(q[:, part] @ k[:, part].T / np.sqrt(size))
        mixed[:, part] = scores / scores.sum(axis=1, keepdims=True) @ v[:, part]
    rows = norm("blk.0.attn_output_norm", rows + linear("blk.0.attn_output", mixed))
    up = linear("blk.0.ffn_up", rows)
    up *= 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up**3)))
    return norm("blk.0.layer_output_norm", rows + linear("blk.0.ffn_down", up))


def llama(path: Path, pooling: int | None) -> Tensors:
    """A decoder whose layer adds nothing: of each token its embedding, normed, is left."""
    from gguf import GGUFWriter  # noqa: PLC0415 - only tests of this engine need it

    rng = np.random.default_rng(6)
    embeddings = rng.normal(size=(len(LLAMA_TOKENS), WIDTH)).astype(np.float32)
    square, ones = np.zeros((WIDTH, WIDTH), np.float32), np.ones(WIDTH, np.float32)
    tensors = {"token_embd.weight": embeddings, "output_norm.weight": ones}
    tensors |= {f"blk.0.attn_{part}.weight": square for part in ("q", "k", "v", "output")}
    tensors |= {f"blk.0.{part}_norm.weight": ones for part in ("attn", "ffn")}
    tensors |= {
        f"blk.0.ffn_{part}.weight": np.zeros((HIDDEN, WIDTH), np.float32) for part in ("up", "gate")
    }
    tensors["blk.0.ffn_down.weight"] = np.zeros((WIDTH, HIDDEN), np.float32)
    writer = GGUFWriter(path, "llama")
    writer.add_layer_norm_rms_eps(1e-5)
    if pooling is not None:
        writer.add_pooling_type(_pooling(pooling))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(LLAMA_TOKENS)
    writer.add_token_types([3, 3] + [1] * (len(LLAMA_TOKENS) - 2))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(True)
    _write(writer, tensors)
    return tensors


def llama_hidden(tensors: Tensors, tokens: list[int]) -> np.ndarray:
    """(tokens, WIDTH): the normed embeddings."""
    rows = tensors["token_embd.weight"][tokens]
    return rows / np.sqrt((rows**2).mean(axis=1, keepdims=True) + 1e-5)


def _pooling(number: int) -> object:
    from gguf import PoolingType  # noqa: PLC0415 - only tests of this engine need it

    return PoolingType(number)


def _write(writer: "GGUFWriter", tensors: Tensors) -> None:
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_block_count(1)
    writer.add_head_count(HEADS)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
