"""Forty folders that transformers writes open here with equal logits, and forty of ours open there.

Sizes, heads, activations, prefixes, older names, precisions, shards, ties and tokenizer files are drawn for
each folder from its number; every class of ``transformers`` comes five times.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import small_models
import torch
from torch import Tensor

from bertwright.checkpoints.model_folder import ModelFolder, open_model
from bertwright.exchange.answers import Answers, answers_of, masked_positions
from bertwright.exchange.conversion import convert
from bertwright.exchange.probe import Inputs, inputs
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.tokenizer import Tokenizer

transformers = pytest.importorskip("transformers")

CLASSES = (
    "BertModel",
    "BertForPreTraining",
    "BertForMaskedLM",
    "BertForNextSentencePrediction",
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BertForQuestionAnswering",
    "BertForMultipleChoice",
)
FOLDERS = 40
DTYPES = (torch.float32, torch.float32, torch.float16, torch.bfloat16, torch.float64)
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu")


def case(number: int) -> tuple[str, random.Random]:
    """Class and the source of everything else."""
    return CLASSES[number % len(CLASSES)], random.Random(f"folder {number}")


def make(number: int, path: Path) -> Any:
    """Folder ``number`` as transformers writes it; gives the network, in float32 and evaluation mode."""
    name, rng = case(number)
    heads = rng.choice([1, 2, 3, 4])
    words = small_models.tokenizer()
    untied = name in ("BertForPreTraining", "BertForMaskedLM") and number // len(CLASSES) in (1, 3)
    config = transformers.BertConfig(
        vocab_size=len(words.vocabulary),
        hidden_size=heads * rng.choice([2, 5, 8]),
        num_hidden_layers=rng.randint(1, 4),
        num_attention_heads=heads,
        intermediate_size=rng.randint(3, 50),
        hidden_act=rng.choice(ACTIVATIONS),
        max_position_embeddings=rng.randint(8, 60),
        type_vocab_size=rng.choice([1, 2, 2, 4]),
        layer_norm_eps=rng.choice([1e-12, 1e-5]),
        initializer_range=0.3,
        num_labels=rng.randint(1, 6) if "Classification" in name else 2,
        tie_word_embeddings=not untied,
    )
    torch.manual_seed(number)
    model = getattr(transformers, name)(config)
    with torch.no_grad():  # biases and scales too, which are 0 and 1 at first
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model = model.to(rng.choice(DTYPES))
    model.save_pretrained(path, max_shard_size=rng.choice(["50GB", "20KB"]))
    tensors = stored(path)
    for change in (strip_prefix, old_norms, repeat_decoder, rename_bias):
        if number % 3 and rng.random() < 0.6:
            tensors = change(tensors, model)
    if tensors.keys() != stored(path).keys():
        for file in path.glob("model*"):
            file.unlink()
        safetensors.torch.save_file(tensors, path / "model.safetensors")
    write_tokenizer(path, words, rng)
    return model.float().eval()


def stored(path: Path) -> dict[str, Tensor]:
    return {
        name: tensor
        for file in sorted(path.glob("*.safetensors"))
        for name, tensor in safetensors.torch.load_file(file).items()
    }


def strip_prefix(tensors: dict[str, Tensor], _: Any) -> dict[str, Tensor]:
    return {name.removeprefix("bert."): tensor for name, tensor in tensors.items()}


def old_norms(tensors: dict[str, Tensor], _: Any) -> dict[str, Tensor]:
    names = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    return {
        next((name.replace(new, old) for new, old in names.items() if new in name), name): tensor
        for name, tensor in tensors.items()
    }


def repeat_decoder(tensors: dict[str, Tensor], model: Any) -> dict[str, Tensor]:
    """A tied decoder stored again, as pickles of old did, and the buffer of positions."""
    if not hasattr(model, "cls") or not hasattr(model.cls, "predictions"):
        return tensors
    decoder = model.cls.predictions.decoder
    again = {
        "cls.predictions.decoder.weight": decoder.weight.detach().clone(),
        "cls.predictions.decoder.bias": decoder.bias.detach().clone(),
        "bert.embeddings.position_ids": torch.arange(model.config.max_position_embeddings)[None],
    }
    return {**again, **tensors}


def rename_bias(tensors: dict[str, Tensor], model: Any) -> dict[str, Tensor]:
    """The output bias under the decoder's name alone."""
    if not model.config.tie_word_embeddings:
        return {name: tensor for name, tensor in tensors.items() if name != "cls.predictions.bias"}
    old, new = "cls.predictions.bias", "cls.predictions.decoder.bias"
    if new in tensors:
        return {name: tensor for name, tensor in tensors.items() if name != old}
    return {new if name == old else name: tensor for name, tensor in tensors.items()}


def write_tokenizer(path: Path, words: Tokenizer, rng: random.Random) -> None:
    """``vocab.txt`` alone, ``tokenizer.json`` alone, or all files, with settings of any kind."""
    settings = TokenizerSettings(
        do_lower_case=rng.random() < 0.5,
        strip_accents=rng.choice([None, True, False]),
        tokenize_chinese_chars=rng.random() < 0.5,
    )
    files = Tokenizer(words.vocabulary, settings).files()
    kept = rng.choice([["vocab.txt"], ["tokenizer.json"], list(files)])
    for name in kept:
        (path / name).write_bytes(files[name])


def their_answers(model: Any, asked: Inputs) -> Answers:
    """What transformers' network says, under our names for outputs."""
    rows = {name: getattr(asked, name) for name in ("input_ids", "token_type_ids", "attention_mask")}
    many = type(model).__name__ == "BertForMultipleChoice"
    with torch.no_grad():
        output = model(**({name: value[None] for name, value in rows.items()} if many else rows))
        base = model if type(model).__name__ == "BertModel" else model.bert
        encoded = base(**rows)
    answers = {"last_hidden_state": encoded.last_hidden_state[asked.tokens]}
    if encoded.pooler_output is not None:
        answers["pooled_output"] = encoded.pooler_output
    positions = masked_positions(asked)
    kinds: dict[str, Callable[[], Answers]] = {
        "BertModel": dict,
        "BertForPreTraining": lambda: {
            "masked_language": output.prediction_logits.flatten(0, 1)[positions],
            "next_sentence": output.seq_relationship_logits,
        },
        "BertForMaskedLM": lambda: {"masked_language": output.logits.flatten(0, 1)[positions]},
        "BertForNextSentencePrediction": lambda: {"next_sentence": output.logits},
        "BertForSequenceClassification": lambda: {"sequence": output.logits},
        "BertForTokenClassification": lambda: {"token": output.logits[asked.tokens]},
        "BertForQuestionAnswering": lambda: {
            "span": torch.stack([output.start_logits, output.end_logits], -1)[asked.tokens]
        },
        "BertForMultipleChoice": lambda: {"choice": output.logits.T},
    }
    return answers | kinds[type(model).__name__]()


def assert_equal(folder: ModelFolder, model: Any) -> None:
    asked = inputs(folder.tokenizer, folder.config)
    ours, theirs = answers_of(folder, asked), their_answers(model, asked)
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        torch.testing.assert_close(ours[name], expected, atol=1e-5, rtol=0, msg=name)


def both_ways(number: int, path: Path) -> None:
    """Theirs opens here; converted to a folder of ours, it opens there."""
    model = make(number, path / "theirs")
    assert_equal(open_model(path / "theirs"), model)
    convert(path / "theirs", path / "ours")
    again, report = getattr(transformers, case(number)[0]).from_pretrained(
        path / "ours", output_loading_info=True, dtype=torch.float32
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    assert again.config.architectures == [case(number)[0]]
    assert_equal(open_model(path / "ours"), again.eval())
    ours = Tokenizer.load(path / "ours")
    theirs = transformers.AutoTokenizer.from_pretrained(path / "ours")
    for text in ("Ünïcode Größe 北京 good", "The BOOK, not the film!"):
        assert theirs(text, add_special_tokens=False)["input_ids"] == ours.encode(text).ids


@pytest.mark.parametrize("number", range(len(CLASSES)))
def test_one_of_every_class(number: int, tmp_path: Path) -> None:
    both_ways(number, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CLASSES), FOLDERS))
def test_folders(number: int, tmp_path: Path) -> None:
    both_ways(number, tmp_path)


def test_the_folders_are_of_every_kind(tmp_path: Path) -> None:
    """The draw covers what it is meant to cover, counted over all forty."""
    kinds: dict[str, int] = {}
    for number in range(FOLDERS):
        make(number, tmp_path / str(number))
        tensors = stored(tmp_path / str(number))
        names = {path.name for path in (tmp_path / str(number)).iterdir()}
        config = json.loads((tmp_path / str(number) / "config.json").read_text())
        bare = case(number)[0] == "BertModel"
        for kind, there in {
            "shards": "model.safetensors.index.json" in names,
            "no prefix": not bare and "embeddings.word_embeddings.weight" in tensors,
            "gamma": any("gamma" in name for name in tensors),
            "decoder": "cls.predictions.decoder.weight" in tensors,
            "untied": config.get("tie_word_embeddings") is False,
            "decoder bias alone": "cls.predictions.decoder.bias" in tensors
            and "cls.predictions.bias" not in tensors,
            "vocab.txt alone": "tokenizer.json" not in names,
            "tokenizer.json alone": "vocab.txt" not in names,
            **{str(dtype): any(t.dtype is dtype for t in tensors.values()) for dtype in set(DTYPES)},
        }.items():
            kinds[kind] = kinds.get(kind, 0) + there
    assert not {kind: count for kind, count in kinds.items() if count < 2}
