"""The encoders of a comparison: pre-trained one after the other, or given."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright.checkpoints.model_folder import ModelFolder, open_model
from bertwright.comparison.plan import Arm, Encoder, Plan
from bertwright.comparison.work import Work, key_of
from bertwright.data.objectives import FIGURES
from bertwright.data.store import TokenStore
from bertwright.errors import StoreError
from bertwright.model.config import BertConfig
from bertwright.pretraining.config import FREE_TO_CHANGE, PretrainingSettings
from bertwright.pretraining.initial import InitialModel, decided
from bertwright.pretraining.run import Resume, pretrain
from bertwright.pretraining.run_data import RunData
from bertwright.pretraining.run_folder import RunFolder
from bertwright.pretraining.source import PhasedSource
from bertwright.progress import Progress
from bertwright.tokenization.tokenizer import Tokenizer

_LENGTHS = ("steps", "tokens", "seconds", "parameters", "precision")


@dataclass(frozen=True)
class Trained:
    """An encoder that can be used."""

    encoder: Encoder
    key: str
    """What it is known by."""
    figures: Mapping[str, Any]
    """What its pre-training came to; empty for a given one."""
    run: RunFolder | None

    def model(self, share: float) -> Path:
        """The model folder of the moment when so much of the run was done."""
        if self.run is None:
            if self.encoder.model is None:
                raise ValueError("an encoder is given or pre-trained")
            return self.encoder.model
        return self.run.milestone(share)

    def open(self, arm: Arm) -> ModelFolder:
        """The model of a row."""
        return open_model(self.model(arm.share))

    def figures_at(self, arm: Arm) -> dict[str, Any]:
        """What the pre-training had come to at the row's moment."""
        if arm.share >= 1 or not self.figures:
            return dict(self.figures)
        then = self.open(arm).provenance.get("training") or {}
        moment = {name: then[name] for name in ("steps", "tokens") if name in then}
        return moment | {"parameters": self.figures["parameters"]}


def configurations(plan: Plan, tokenizer: Tokenizer) -> dict[str, BertConfig]:
    """The network of every encoder, by the encoder's name.

    Models that are given or gone on from are opened, before hours are spent on what comes before them.

    Args:
        tokenizer: what the text was made with, for those that are gone on from.

    Raises:
        ModelError, StoreError, UsageError: one does not open, or does not fit its row.
    """
    return {encoder.name: _configuration(encoder, tokenizer) for encoder in plan.encoders}


def _configuration(encoder: Encoder, tokenizer: Tokenizer) -> BertConfig:
    if encoder.settings is None:
        return open_model(encoder.model or "").config
    if encoder.settings.init is None:
        return encoder.settings.bert_config(len(tokenizer.vocabulary))
    return InitialModel.read(encoder.settings.init, tokenizer, encoder.settings).config


def trained(plan: Plan, encoder: Encoder, store: Path | None, work: Work, progress: Progress) -> Trained:
    """``encoder``, pre-trained as far as an earlier process did not.

    Raises:
        ModelError, StoreError: what it needs does not open.
        Interrupted: a signal asked to stop; its state was saved.
        NonFiniteError, DiskError: it failed while running.
    """
    if encoder.settings is None:
        folder = open_model(encoder.model or "")
        parameters = {"parameters": folder.config.num_parameters()}
        return Trained(encoder, key_of(encoder.name, folder.digest), parameters, None)
    if store is None:
        raise StoreError("expected a text to pre-train on, got none")
    opened = TokenStore.open(store)
    said = encoder.settings.model_dump(mode="json", exclude=set(FREE_TO_CHANGE) - {"milestones"})
    init = None if encoder.settings.init is None else open_model(encoder.settings.init).digest
    key = key_of(encoder.name, opened.digest, encoder.tokens, said, init)
    run = RunFolder(work.folder("encoders", key))
    record = work.find(key)
    if record is None:
        settings = _counted(opened, encoder.settings, encoder.tokens)
        number = list(plan.encoders).index(encoder) + 1
        progress.say(f"pre-training {number} of {len(plan.encoders)}: {encoder.name}")
        run.path.parent.mkdir(exist_ok=True)
        resume: Resume = "latest-valid" if run.is_run() else False
        summary = pretrain(opened, run.path, settings, resume=resume, progress=progress)
        record = work.add(key, {"part": "encoder", "figures": _told(summary.to_dict())})
        shutil.rmtree(run.checkpoints, ignore_errors=True)  # nothing goes on from them any more
    return Trained(encoder, key, record["figures"], run)


def _counted(store: TokenStore, settings: PretrainingSettings, tokens: int | None) -> PretrainingSettings:
    """The settings with the fewest steps that read ``tokens`` tokens."""
    if tokens is None:
        return settings
    data = RunData.read(store, None, settings)
    vocabulary = data.tokenizer.vocabulary
    if data.initial is None:
        read, config = settings, settings.bert_config(len(vocabulary))
    else:  # whose size decides how many instances an update has
        read, config = decided(settings, data.initial), data.initial.config
    source = PhasedSource.of(data.training, vocabulary, read, config)
    steps = source.steps_for(tokens, [phase.share for phase in settings.phases])
    return settings.model_copy(update={"steps": steps})


def _told(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a comparison keeps of a pre-training: lengths, and what was measured on held-out text."""
    return {name: summary[name] for name in (*_LENGTHS, *FIGURES) if summary.get(name) is not None}
