"""Makes engines' models of a few megabytes that say a known sentence.

Each is a real model file for the real library. Its one working layer is a memory of which token
follows which; attention writes nothing. So the text is known, and prompts, stops, grammars and
cancellation act on it as they would on any model.
"""

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gguf import GGUFWriter

WIDTH = 128
"""Random unit vectors of this many dimensions are far enough from each other to be told apart."""

Matrix = np.ndarray


class Successors:
    """The weights of a feed-forward layer that maps each token to the one that follows it."""

    def __init__(self, tokens: int, follows: Mapping[int, Mapping[int, float]]) -> None:
        rng = np.random.default_rng(7)
        rows = rng.normal(size=(tokens, WIDTH)).astype(np.float32)
        rows -= rows.mean(axis=1, keepdims=True)
        self.embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        """(tokens, WIDTH) float32, rows of length 1 and mean 0."""
        self.read = self.embeddings[list(follows)]
        """(units, WIDTH) float32; one unit for each token that has a successor."""
        self.write = np.zeros((WIDTH, len(follows)), np.float32)
        for unit, nexts in enumerate(follows.values()):
            for following, weight in nexts.items():
                self.write[:, unit] += weight * self.embeddings[following]


def chain(*tokens: int) -> dict[int, dict[int, float]]:
    """Each token followed by the next one."""
    return {token: {following: 1.0} for token, following in pairwise(tokens)}


# ---------------------------------------------------------------- GGUF

CHATML = """{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

CONTROL = ("<|im_end|>", "<|im_start|>", "<|python_tag|>", "[TOOL_CALLS]")
INFILL = ("<|before|>", "<|after|>", "<|gap|>")


def gguf(
    path: Path,
    says: str,
    *,
    template: str | None = CHATML,
    context: int = 512,
    certainty: float = 2.0,
    loops: bool = False,
    begins: bool = False,
    infills: bool = False,
) -> Path:
    """A language model that says `says` after any line end, in tokens of a few bytes each.

    Everything else it reads byte by byte. The tokens that it says are cut anywhere, within
    characters too; only those of `CONTROL` are whole. `certainty` scales its logits. One that
    `loops` says it again and again; one that `begins` wants `<|im_start|>` before any text; one
    that `infills` has the tokens of `INFILL`, and says it after the last of them too.
    """
    from gguf import GGUFWriter  # noqa: PLC0415 - only tests of this engine need it

    alphabet = _byte_letters()
    tokens = [*CONTROL, *alphabet]
    script: list[int] = []
    for number, part in enumerate(re.split(f"({'|'.join(map(re.escape, CONTROL))})", says)):
        if number % 2:
            script.append(CONTROL.index(part))
            continue
        pieces = _unlike_pieces(part.encode(), set(tokens), alphabet)
        script += range(len(tokens), len(tokens) + len(pieces))
        tokens += pieces
    line_end = len(CONTROL) + ord("\n")
    follows = chain(line_end, *script, script[0] if loops else CONTROL.index("<|im_end|>"))
    if infills:
        tokens += INFILL
        follows |= chain(len(tokens) - 1, script[0])
    memory = Successors(len(tokens), follows)

    writer = GGUFWriter(path, "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(len(follows))
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    _add_vocabulary(writer, tokens, begins=begins)
    if template is not None:
        writer.add_chat_template(template)
    for name, tensor in _llama_tensors(memory, certainty).items():
        writer.add_tensor(name, np.ascontiguousarray(tensor, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_vocabulary(writer: "GGUFWriter", tokens: list[str], *, begins: bool) -> None:
    from gguf import TokenType  # noqa: PLC0415 - only tests of this engine need it

    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    special = {*CONTROL, *INFILL}
    writer.add_token_types(
        [TokenType.CONTROL if token in special else TokenType.NORMAL for token in tokens]
    )
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(0)
    writer.add_bos_token_id(CONTROL.index("<|im_start|>"))
    writer.add_add_bos_token(begins)
    if INFILL[0] in tokens:
        for name, token in zip(("fim_pre", "fim_suf", "fim_mid"), INFILL, strict=True):
            writer.add_uint32(f"tokenizer.ggml.{name}_token_id", tokens.index(token))


def _byte_letters() -> list[str]:
    """The printable letter that stands for each byte in a byte-level vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _unlike_pieces(text: bytes, used: set[str], alphabet: list[str]) -> list[str]:
    """The text, spelled, cut into pieces of about 3 bytes, none of which occurs twice."""
    spelled = "".join(alphabet[byte] for byte in text)
    pieces: list[str] = []
    start = 0
    while start < len(spelled):
        end = start + 3
        while spelled[start:end] in used and end < len(spelled):
            end += 1
        piece = spelled[start:end]
        # The end of the text cannot grow into what is unlike all others, but backwards.
        pieces.append(pieces.pop() + piece if piece in used else piece)
        used.add(pieces[-1])
        start = end
    return pieces


def _llama_tensors(memory: Successors, certainty: float) -> dict[str, Matrix]:
    zeros, ones = np.zeros((WIDTH, WIDTH)), np.ones(WIDTH)
    return {
        "token_embd.weight": memory.embeddings,
        "output_norm.weight": ones,
        "output.weight": memory.embeddings * certainty,
        "blk.0.attn_norm.weight": ones,
        "blk.0.attn_q.weight": zeros,
        "blk.0.attn_k.weight": zeros,
        "blk.0.attn_v.weight": zeros,
        "blk.0.attn_output.weight": zeros,
        "blk.0.ffn_norm.weight": ones,
        "blk.0.ffn_gate.weight": memory.read,
        "blk.0.ffn_up.weight": memory.read,
        "blk.0.ffn_down.weight": memory.write,
    }


# ---------------------------------------------------------------- Whisper

LANGUAGES = ("en", "de", "fr", "ja")
SENTENCE = " And so my fellow Americans, ask not what your country can do for you."


def whisper(
    folder: Path, *, confidence: float = 1.0, no_speech: float = 0.0, multilingual: bool = True
) -> Path:
    """A Whisper that hears `SENTENCE` in any window, from 0 to 2 s, and takes it for English.

    `confidence` scales its logits; `no_speech` is the weight of "nobody speaks" beside English.
    """
    import ctranslate2  # noqa: PLC0415 - only tests of this engine need it

    tokenizer = _whisper_tokenizer(folder, multilingual=multilingual)
    tokens = [tokenizer.id_to_token(token) for token in range(tokenizer.get_vocab_size())]
    tokens += [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
    ids = {token: number for number, token in enumerate(tokens)}
    words = tokenizer.encode(SENTENCE).ids
    assert len(set(words)) == len(words), "each token has one successor"
    sentence = (ids["<|0.00|>"], *words, ids["<|2.00|>"], ids["<|endoftext|>"])
    follows = chain(ids["<|transcribe|>"], *sentence) | chain(ids["<|notimestamps|>"], words[0])
    first = ids["<|en|>"] if multilingual else sentence[0]
    follows[ids["<|startoftranscript|>"]] = {first: 1.0, ids["<|nospeech|>"]: no_speech}
    spec = ctranslate2.specs.WhisperSpec(1, 2, 1, 2)
    _fill_whisper(spec, Successors(len(tokens), follows), confidence)
    spec.register_vocabulary(tokens)
    spec.config.lang_ids = [ids[f"<|{language}|>"] for language in LANGUAGES]
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [ids["<|endoftext|>"]]
    spec.config.alignment_heads = [(0, 0), (0, 1)]
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    return folder


def _whisper_tokenizer(folder: Path, *, multilingual: bool):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([SENTENCE], trainer)
    if multilingual:
        # By this empty token CTranslate2 knows the vocabulary of the multilingual models.
        state = json.loads(tokenizer.to_str())
        state["model"]["vocab"][""] = tokenizer.get_vocab_size()
        tokenizer = Tokenizer.from_str(json.dumps(state))
    special = ["<|endoftext|>", "<|startoftranscript|>"]
    special += [f"<|{language}|>" for language in LANGUAGES]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>"]
    tokenizer.add_special_tokens([*special, "<|nospeech|>", "<|notimestamps|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80}))
    return tokenizer


def _fill_whisper(spec, memory: Successors, confidence: float) -> None:
    rng = np.random.default_rng(8)

    def random(*shape: int) -> Matrix:
        return (rng.normal(size=shape) * 0.1).astype(np.float32)

    def linear(layer, weight: Matrix, bias: float = 0.0) -> None:
        layer.weight, layer.bias = weight, np.full(len(weight), bias, np.float32)

    def norm(layer) -> None:
        layer.gamma, layer.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def attention(layer) -> None:
        norm(layer.layer_norm)
        *projections, out = layer.linear
        sizes = (3,) if len(projections) == 1 else (1, 2)
        for projection, size in zip(projections, sizes, strict=True):
            linear(projection, random(size * WIDTH, WIDTH))
        linear(out, np.zeros((WIDTH, WIDTH), np.float32))

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = random(WIDTH, 80, 3), random(WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = random(WIDTH, WIDTH, 3), random(WIDTH)
    encoder.position_encodings.encodings = random(1500, WIDTH)
    decoder.position_encodings.encodings = np.zeros((448, WIDTH), np.float32)
    decoder.embeddings.weight = memory.embeddings
    linear(decoder.projection, memory.embeddings * confidence)
    for stack in (encoder, decoder):
        norm(stack.layer_norm)
        attention(stack.layer[0].self_attention)
        norm(stack.layer[0].ffn.layer_norm)
    attention(decoder.layer[0].attention)
    linear(encoder.layer[0].ffn.linear_0, random(WIDTH, WIDTH))
    linear(encoder.layer[0].ffn.linear_1, random(WIDTH, WIDTH))
    # Normalization makes the token's own unit see sqrt(WIDTH) = 11, others at most about 4.
    linear(decoder.layer[0].ffn.linear_0, memory.read, bias=-6.0)
    linear(decoder.layer[0].ffn.linear_1, memory.write * 4.0)


# ---------------------------------------------------------------- Kokoro

FRAMES = 4
"""How long each phoneme of the tiny Kokoro is, in its frames of 25 ms."""


def kokoro(folder: Path, voices: tuple[str, ...] = ("af_heart",)) -> Path:
    """A Kokoro that hisses, each phoneme for `FRAMES` frames."""
    import torch  # noqa: PLC0415 - only tests of this engine need it

    torch.manual_seed(1)
    alphabet = {letter: number for number, letter in enumerate(KOKORO_LETTERS, 1)}
    config = KOKORO_CONFIG | {"vocab": alphabet, "n_token": len(alphabet) + 1}
    (folder / "config.json").write_text(json.dumps(config))
    hidden, longest = KOKORO_CONFIG["hidden_dim"], KOKORO_CONFIG["max_dur"]
    bias = torch.full((longest,), -30.0)
    bias[:FRAMES] = 30.0
    predictor = {
        "duration_proj.linear_layer.weight": torch.zeros(longest, hidden),
        "duration_proj.linear_layer.bias": bias,
    }
    # What is not in the file keeps its random beginning. The names are read without a prefix.
    weights = {"predictor": {f"module.{name}": tensor for name, tensor in predictor.items()}}
    torch.save(weights, folder / "kokoro-tiny.pth")
    (folder / "voices").mkdir()
    for voice in voices:
        torch.save(torch.randn(510, 1, 256) * 0.1, folder / "voices" / f"{voice}.pt")
    return folder


KOKORO_LETTERS = ';:,.!?\u2014\u2026"() AIOQSTWYabcdefhijklmnopqrstuvwxyz\u0251\u0254\u0259\u025b\u025c\u0261\u026a\u0279\u0283\u028a\u028c\u0292\u03b8\u00f0\u014b\u00e6\u02a4\u02a7\u02c8\u02cc\u02d0'
KOKORO_CONFIG: dict[str, Any] = {
    "hidden_dim": 512,
    "style_dim": 128,
    "n_layer": 1,
    "n_mels": 80,
    "max_dur": 50,
    "dropout": 0.1,
    "text_encoder_kernel_size": 5,
    "plbert": {
        "hidden_size": 32,
        "embedding_size": 16,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "num_hidden_layers": 1,
    },
    "istftnet": {
        "upsample_kernel_sizes": [20, 12],
        "upsample_rates": [10, 6],
        "gen_istft_hop_size": 5,
        "gen_istft_n_fft": 20,
        "resblock_dilation_sizes": [[1, 3, 5]],
        "resblock_kernel_sizes": [3],
        "upsample_initial_channel": 512,
    },
}
