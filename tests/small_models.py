"""Model folders small enough to be made for a test: 3 layers, hidden size 48, all sizes different."""

from __future__ import annotations

import shutil
from pathlib import Path

from bertwright.checkpoints.model_folder import save_model
from bertwright.model.bilm import BilmForPreTraining
from bertwright.model.bilm_config import BilmConfig
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.model.topped_model import ToppedModel
from bertwright.tasks.networks import description, top_tensors
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import Vocabulary

POSITIONS = 40
LABELS = ("bad", "good", "so-so")
WORDS = (  # noqa: SIM905
    "the a of to and in was he she it his her that on with for as had at but is not be they from this have "
    "film book good bad dull great story old man woman sea house door room dark light walk talk sing night "
    "day opened closed went saw said capital france paris river never always very plain short long end begin"
).split()
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'()[]-"


def tokenizer() -> Tokenizer:
    """A lower-casing tokenizer of some 180 tokens that can spell any ASCII word."""
    pieces = [
        *(word for word in WORDS if word not in LETTERS),
        "##ing",
        "##ed",
        *LETTERS,
        *("##" + letter for letter in LETTERS if letter.isalnum()),
    ]
    return Tokenizer(Vocabulary.from_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces]))


def config(vocab_size: int) -> BertConfig:
    """Weights are large (``initializer_range``), so that answers differ clearly from each other."""
    return BertConfig(
        vocab_size=vocab_size,
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=80,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    )


def save_pretrained(path: Path, seed: int = 0, objective: str = "mlm+nsp") -> Path:
    """A folder with both pre-training heads."""
    words = tokenizer()
    model = BertForPreTraining(config(len(words.vocabulary)), seed=seed)
    save_model(path, model, words, task=None, provenance={"settings": {"objective": objective}})
    return path


def save_topped(path: Path, seed: int = 0) -> Path:
    """A classifier with a BiLSTM between encoder and output layer."""
    words = tokenizer()
    encoder = BertEncoder(config(len(words.vocabulary)), seed=seed)
    model = ToppedModel(encoder, len(LABELS), by_token=False, size=6, seed=seed)
    task = {"kind": "classify", "labels": list(LABELS), "top": description(model)}
    more = {"top.safetensors": top_tensors(model)}
    save_model(path, model, words, task=task, provenance={}, more=more)
    return path


def save_bilm(path: Path, seed: int = 0) -> Path:
    """An ELMo-like language model."""
    words = tokenizer()
    shape = BilmConfig(
        vocab_size=len(words.vocabulary),
        hidden_size=48,
        intermediate_size=40,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    )
    save_model(path, BilmForPreTraining(shape, seed=seed), words, task=None, provenance={})
    return path


def foreign_copy(folder: Path, path: Path) -> Path:
    """A copy of a model folder without its manifest, as if another tool had written it: to be changed."""
    shutil.copytree(folder, path)
    (path / "bertwright.json").unlink()
    return path


def save_left_to_right(path: Path, seed: int = 0) -> Path:
    """A folder with a left-to-right language model."""
    words = tokenizer()
    sizes = config(len(words.vocabulary)).model_copy(update={"is_decoder": True})
    save_model(path, BertForPreTraining(sizes, seed=seed), words, task=None, provenance={})
    return path


def save_classifier(path: Path, text_pair: str | None = None, seed: int = 0) -> Path:
    """A folder with a classifier over three labels, trained on the column ``text`` (and ``text_pair``)."""
    words = tokenizer()
    model = SequenceClassifier(config(len(words.vocabulary)), len(LABELS), seed=seed)
    columns = {"text": "text", "text_pair": text_pair, "label": "label", "names": None}
    task = {"kind": "classify", "labels": list(LABELS), "columns": columns, "max_length": 24}
    save_model(path, model, words, task=task, provenance={})
    return path
