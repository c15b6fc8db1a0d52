"""Makes a CTranslate2 encoder of a BERT in safetensors, and keeps it for the next start.

The model is written beside its place and moved there when it is whole, so what is found was
finished; and one that does not load all the same is thrown away and made anew.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import ctranslate2
import msgspec
import numpy as np
from ctranslate2.specs import common_spec, transformer_spec
from numpy.typing import NDArray
from tokenizers import Tokenizer

from voice.engines.protocols import EngineError
from voice.engines.safetensors import Tensors

REVISION = 1
"""Of what `convert` makes; another one is not taken from the cache."""

FILES = ("config.json", "model.safetensors", "tokenizer.json")

ACTIVATIONS = {
    "gelu": common_spec.Activation.GELU,
    "gelu_new": common_spec.Activation.GELUTanh,
    "relu": common_spec.Activation.RELU,
}


class BertConfig(msgspec.Struct, frozen=True):
    """What a model's config.json says of its shape."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    vocab_size: int
    max_position_embeddings: int
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    model_type: str = "bert"
    position_embedding_type: str = "absolute"


class Pooling(msgspec.Struct, frozen=True):
    """How the makers of a sentence encoder say that token vectors become one."""

    pooling_mode_mean_tokens: bool = True


def read_config(folder: Path) -> BertConfig:
    """Raises `EngineError` when the folder holds no BERT whose vectors are averaged."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise EngineError(f"{folder} is no sentence encoder: {', '.join(missing)} is missing")
    try:
        config = msgspec.json.decode((folder / "config.json").read_bytes(), type=BertConfig)
        pooling = folder / "1_Pooling" / "config.json"
        if pooling.is_file():
            averages = msgspec.json.decode(pooling.read_bytes(), type=Pooling)
            if not averages.pooling_mode_mean_tokens:
                raise EngineError(
                    f"{folder} wants another pooling than the mean, which is not here"
                )
    except msgspec.DecodeError as error:
        raise EngineError(f"{folder} is no BERT: {error}") from error
    known = config.hidden_act in ACTIVATIONS and config.position_embedding_type == "absolute"
    if config.model_type != "bert" or not known:
        raise EngineError(f"{folder} is no BERT as it is known here, but a {config.model_type!r}")
    return config


def open_encoder(folder: Path, compute_type: str, threads: int) -> ctranslate2.Encoder:
    """The encoder of a model folder, converted now or earlier. Raises `EngineError`."""
    converted = cache_folder() / conversion_name(folder, compute_type)
    for _ in range(2):
        if not (converted / "model.bin").is_file():
            _convert_into(folder, converted, compute_type)
        try:
            return ctranslate2.Encoder(
                str(converted), device="cpu", compute_type=compute_type, intra_threads=threads
            )
        except (RuntimeError, ValueError) as error:
            trouble = error
            shutil.rmtree(converted, ignore_errors=True)
    raise EngineError(f"the encoder made of {folder} does not load: {trouble}")


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "inferno-voice" / "converted"


def conversion_name(folder: Path, compute_type: str) -> str:
    """Differs when the weights or what is made of them do, without reading them."""
    weights = (folder / "model.safetensors").resolve()
    state = weights.stat()
    config = (folder / "config.json").read_bytes()
    identity = f"{weights}|{state.st_size}|{state.st_mtime_ns}|{REVISION}|".encode() + config
    return f"bert-{compute_type}-{hashlib.sha256(identity).hexdigest()[:16]}"


def _convert_into(folder: Path, target: Path, compute_type: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="unfinished-") as scratch:
            # A folder of its own, for the scratch folder is readable by its owner alone.
            made = Path(scratch) / "model"
            made.mkdir()
            convert(folder, made, compute_type)
            made.rename(target)
    except OSError as error:
        if not (target / "model.bin").is_file():  # Else another process was first.
            raise EngineError(
                f"{target.parent} cannot hold the converted model ({error.strerror}): "
                "make room, or set XDG_CACHE_HOME to a folder that can"
            ) from error


def convert(folder: Path, target: Path, compute_type: str) -> None:
    """Write the CTranslate2 model of a BERT folder into an empty folder."""
    config = read_config(folder)
    tensors = Tensors(folder / "model.safetensors")
    encoder = transformer_spec.TransformerEncoderSpec(
        config.num_hidden_layers,
        config.num_attention_heads,
        pre_norm=False,
        activation=ACTIVATIONS[config.hidden_act],
        layernorm_embedding=True,
    )
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = tensors.floats("embeddings.word_embeddings.weight")
    # All tokens are of the first type, so its vector can be part of every position's.
    kinds = tensors.floats("embeddings.token_type_embeddings.weight")  # (2, n_hidden)
    positions = tensors.floats("embeddings.position_embeddings.weight")  # (n_positions, n_hidden)
    encoder.position_encodings.encodings = positions + kinds[0]
    _set_norm(encoder.layernorm_embedding, tensors, "embeddings.LayerNorm")
    for number, layer in enumerate(encoder.layer):
        _set_layer(layer, tensors, f"encoder.layer.{number}")
    spec = transformer_spec.TransformerEncoderModelSpec(encoder)
    spec.config.layer_norm_epsilon = config.layer_norm_eps
    spec.register_vocabulary(_vocabulary(folder, config.vocab_size))
    spec.validate()
    spec.optimize(quantization=compute_type)
    spec.save(str(target))


def _set_layer(
    layer: transformer_spec.TransformerEncoderLayerSpec, tensors: Tensors, name: str
) -> None:
    attention = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
    fused = layer.self_attention.linear[0]
    fused.weight = np.concatenate([tensors.floats(f"{part}.weight") for part in attention])
    fused.bias = np.concatenate([tensors.floats(f"{part}.bias") for part in attention])
    _set_linear(layer.self_attention.linear[1], tensors, f"{name}.attention.output.dense")
    _set_norm(layer.self_attention.layer_norm, tensors, f"{name}.attention.output.LayerNorm")
    _set_linear(layer.ffn.linear_0, tensors, f"{name}.intermediate.dense")
    _set_linear(layer.ffn.linear_1, tensors, f"{name}.output.dense")
    _set_norm(layer.ffn.layer_norm, tensors, f"{name}.output.LayerNorm")


def _set_linear(linear: common_spec.LinearSpec, tensors: Tensors, name: str) -> None:
    linear.weight = tensors.floats(f"{name}.weight")
    linear.bias = tensors.floats(f"{name}.bias")


def _set_norm(norm: common_spec.LayerNormSpec, tensors: Tensors, name: str) -> None:
    norm.gamma = tensors.floats(f"{name}.weight")
    norm.beta = tensors.floats(f"{name}.bias")


def _vocabulary(folder: Path, size: int) -> list[str]:
    """The library wants a word for each id, though it is only ever given ids."""
    tokenizer = open_tokenizer(folder)
    return [tokenizer.id_to_token(number) or f"<unused {number}>" for number in range(size)]


def open_tokenizer(folder: Path) -> Tokenizer:
    """Raises `EngineError` when it is broken."""
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:
        raise EngineError(f"{folder / 'tokenizer.json'} is no tokenizer: {error}") from error
    # The file may ask for both, and then nobody would hear of what was cut.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def hidden_states(encoder: ctranslate2.Encoder, tokens: list[list[int]]) -> NDArray[np.float32]:
    """(n_inputs, n_tokens of the longest, n_hidden); what is behind an input's end is noise."""
    return np.asarray(encoder.forward_batch(tokens).last_hidden_state)
