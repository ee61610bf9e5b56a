"""The model that a run goes on from (``init``), in place of initial weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from bertwright.checkpoints.bilm_folder import BilmFolder
from bertwright.checkpoints.model_folder import Head, ModelFolder, open_model
from bertwright.config.settings import flatten, load
from bertwright.data.objectives import LEFT_TO_RIGHT, MASKED, OBJECTIVES, TWO_WAYS, WordsName
from bertwright.errors import StoreError, UsageError, shown_path
from bertwright.model.bilm import BilmForPreTraining
from bertwright.model.config import PUBLISHED, BertConfig, Size
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.sizes import BATCH_SIZES, LEARNING_RATES
from bertwright.tokenization.tokenizer import Tokenizer

GENTLER = 5
"""A network that has learned takes a fifth of the rate of a new one: 2e-5 for BERT-base, as the original's
README advises for going on from a checkpoint."""

_PARTS: dict[Head, str] = {
    "masked_language": "masked language head",
    "left_to_right": "left-to-right head",
    "forward_backward": "softmax",
    "next_sentence": "next sentence head",
}


_HEADS: dict[WordsName, Head] = {
    "mlm": "masked_language",
    "clm": "left_to_right",
    "bilm": "forward_backward",
}


@dataclass(frozen=True)
class InitialModel:
    """An opened model folder, fit to go on from."""

    folder: ModelFolder
    config: BertConfig
    """With the dropout of the run."""
    digest: str
    """Of the folder as it was read: it is made from the numbers, which :meth:`spent` gives up."""
    notes: tuple[str, ...]
    """What is missing, and begins from initial weights; what is not carried on."""

    @classmethod
    def read(cls, path: str | Path, tokenizer: Tokenizer, settings: PretrainingSettings) -> InitialModel:
        """Open the model, and see that it reads what the store has.

        Args:
            tokenizer: the store's.

        Raises:
            ModelError: no model that opens.
            StoreError: the store was prepared with another vocabulary, or with other casing.
            UsageError: the run's sequences are longer than the model can see, or it is left-to-right and the
                run is not, or the other way round.
        """
        folder = open_model(path)
        _require_direction(folder, settings)
        _require_same(tokenizer, folder)
        _require_positions(folder, settings)
        dropout = settings.dropout if settings.dropout is not None else 0.0 if settings.budget else None
        notes = tuple(_notes(folder, settings))
        return cls(folder, folder.config.with_dropout(dropout), folder.digest, notes)

    @property
    def judges_pairs(self) -> bool:
        """Whether it has learned to judge pairs."""
        return "next_sentence" in self.folder.heads

    def known_text(self, store: str, settings: PretrainingSettings) -> str | None:
        """What to say where the model has learned from documents that this run holds out.

        Args:
            store: the digest of the run's store.
        """
        data, before = (self._told(part) for part in ("data", "settings"))
        if data.get("store") != store:
            return None
        seed, share = before.get("seed"), before.get("held_out_share")
        other = [f"--seed {seed}"] if isinstance(seed, int) and seed != settings.seed else []
        if isinstance(share, float) and settings.held_out_share > share:
            other.append(f"--set held_out_share={share:g}")
        if not other:
            return None
        return (
            f"init: expected {' '.join(other)}, with which it was trained on this very store: otherwise it "
            "knows documents that are held out, and figures are better than they would be on new text"
        )

    def _told(self, part: str) -> Mapping[str, Any]:
        """What the folder says of how it was made; it may be anyone's."""
        told = self.folder.provenance.get(part)
        return told if isinstance(told, Mapping) else {}

    def model(self, seed: int) -> BertForPreTraining | BilmForPreTraining:
        """The network with both pre-training heads; those that the folder lacks are drawn from ``seed``."""
        model: BertForPreTraining | BilmForPreTraining
        model = replace(self.folder, config=self.config).pretraining_model(require=(), seed=seed)
        return model

    def spent(self) -> InitialModel:
        """The same without its numbers, once a network has them: they need as much memory as it does."""
        weights = replace(self.folder.weights, tensors={})
        return replace(self, folder=replace(self.folder, weights=weights))


def decided(settings: PretrainingSettings, initial: InitialModel) -> PretrainingSettings:
    """``settings`` with the batch size and the rate of a run that goes on from a network of this size.

    Raises:
        SettingsError: what was asked for does not go with them.
    """
    size = nearest_size(initial.config)
    changes = {
        "init": str(initial.folder.path.absolute()),
        "batch_size": settings.batch_size or BATCH_SIZES[size],
        "learning_rate": settings.learning_rate or LEARNING_RATES[size] / GENTLER,
    }
    return load(PretrainingSettings, overrides={**flatten(settings), **changes}).value


def nearest_size(config: BertConfig) -> Size:
    """The largest published size that is no wider, and no deeper where widths are equal."""
    extent = (config.hidden_size, config.num_hidden_layers)
    fitting = [size for size, (layers, hidden, _) in PUBLISHED.items() if (hidden, layers) <= extent]
    return cast(Size, fitting[-1]) if fitting else "tiny"


def _require_direction(folder: ModelFolder, settings: PretrainingSettings) -> None:
    one_way = LEFT_TO_RIGHT if folder.config.is_decoder else MASKED
    words = TWO_WAYS if isinstance(folder, BilmFolder) else one_way
    if words is settings.asks.words:
        return
    *others, last = [name for name, objective in OBJECTIVES.items() if objective.words is words]
    expected = f"{', '.join(others)} or {last}" if others else last
    raise UsageError(
        f"objective: expected {expected} to go on from {shown_path(folder.path)}, {words.network}, "
        f"got {settings.objective}"
    )


def _require_positions(folder: ModelFolder, settings: PretrainingSettings) -> None:
    positions = folder.config.max_position_embeddings
    lengths = {phase.length for phase in settings.phases}
    if max(lengths) <= positions:
        return
    names = ("sequence_length", "long_sequence_length")
    asked = {name: getattr(settings, name) for name in names}
    too_long = [name for name in names if asked[name] in lengths and asked[name] > positions]
    hint = " ".join(f"--set {name}={positions}" for name in too_long)
    if too_long == ["long_sequence_length"] and len(lengths) > 1:
        hint += ", or long_share=0"
    raise UsageError(
        f"sequence length: expected at most {positions}, the positions of {shown_path(folder.path)}, "
        f"got {max(lengths)} ({hint})"
    )


def _require_same(tokenizer: Tokenizer, folder: ModelFolder) -> None:
    theirs = folder.tokenizer
    if tokenizer.digest == theirs.digest:
        return
    same = tokenizer.vocabulary == theirs.vocabulary
    what = "tokenizer settings" if same else "vocabulary"
    expected, got = theirs.digest, tokenizer.digest
    raise StoreError(
        f"init: expected a store prepared with the {what} of {shown_path(folder.path)} "
        f"(digest {expected[:12]}…), got one of digest {got[:12]}… "
        "(prepare the text again, with this model as --vocab)"
    )


def _notes(folder: ModelFolder, settings: PretrainingSettings) -> list[str]:
    """What a run that goes on from ``folder`` does without."""
    needed: list[Head] = [_HEADS[settings.asks.words.name]]
    if settings.paired:
        needed.append("next_sentence")
    missing = [head for head in needed if head not in folder.heads]
    notes = [f"init: no {_PARTS[head]} is stored: it begins from initial weights" for head in missing]
    if settings.paired and "pooler" not in folder.weights.parts:
        notes.append("init: no pooler is stored: it begins from initial weights")
    left = sorted(folder.heads - set(_PARTS))
    if left:
        notes.append(f"init: its {', '.join(left)} head is not carried on")
    return notes
