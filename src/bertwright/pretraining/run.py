"""A pre-training run from a token store to a model folder."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from bertwright.checkpoints.model_folder import save_model
from bertwright.config.settings import flatten, load
from bertwright.data.objectives import FIGURES, MASKED, WordObjective, measured_words
from bertwright.data.store import TokenStore
from bertwright.durable import require_elsewhere
from bertwright.errors import UsageError, encodable
from bertwright.execution.threads import threads_as_before
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.pretraining.assembly import Assembly
from bertwright.pretraining.baselines import Baseline, baselines
from bertwright.pretraining.blanks import fill_blanks
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.initial import decided
from bertwright.pretraining.open_settings import measures_size
from bertwright.pretraining.run_data import RunData
from bertwright.pretraining.run_folder import RunFolder
from bertwright.pretraining.shares import require_shares, shared_out
from bertwright.pretraining.sizes import best_size
from bertwright.progress import Progress, Silent
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.training import precision
from bertwright.training.checkpoint_store import ResumeMode
from bertwright.training.devices import rank_device
from bertwright.training.loop import Loop
from bertwright.training.machine import measured_peak
from bertwright.training.ranks import Ranks

BLANKS = 12
"""Held-out sentences with a blank that a run leaves for people to look at."""

_FIGURES = (*FIGURES, "nsp_majority")

Resume = Literal[False, True, "latest", "latest-valid"]


@dataclass(frozen=True)
class WordFigures:
    """How well tokens were predicted."""

    loss: float
    accuracy: float
    perplexity: float


@dataclass(frozen=True)
class PretrainingSummary:
    """What came out, measured on held-out documents; losses in nats."""

    steps: int
    """Updates."""
    tokens: int
    """Tokens read, padding not counted."""
    seconds: float
    """Of the run, over all parts of a resumed one."""
    mlm_loss: float | None
    """Of masked tokens; None where next tokens are predicted."""
    mlm_accuracy: float | None
    mlm_perplexity: float | None
    clm_loss: float | None
    """Of next tokens; None where masked ones are predicted."""
    clm_accuracy: float | None
    clm_perplexity: float | None
    bilm_loss: float | None
    """Of next tokens said forward and previous ones said backward; None for all but LSTMs."""
    bilm_accuracy: float | None
    bilm_perplexity: float | None
    nsp_loss: float | None
    """Of the pair objective; None without one."""
    nsp_accuracy: float | None
    nsp_majority: float | None
    """What always giving the same answer reaches."""
    tokens_per_second: float
    """While updating; evaluation and saving not counted."""
    parameters: int
    precision: str
    baselines: dict[str, Baseline]
    """``most_frequent``, ``bigram`` and ``neighbours``, on the same held-out masks (or next tokens)."""
    output: str
    """The run's folder."""
    model: str
    """The final model folder."""

    @property
    def words(self) -> WordFigures:
        """The figures about tokens, whichever were predicted."""
        found = (getattr(self, name) for name in self.predicted.figures)
        return WordFigures(*(float("nan") if value is None else value for value in found))

    @property
    def predicted(self) -> WordObjective:
        """Which tokens were predicted."""
        return measured_words(vars(self)) or MASKED

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        places = {"output": encodable(self.output), "model": encodable(self.model)}
        return {**dataclasses.asdict(self), **places}


def pretrain(
    data: str | Path | TokenStore,
    output: str | Path,
    settings: PretrainingSettings,
    *,
    tokenizer: Tokenizer | None = None,
    resume: Resume = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> PretrainingSummary:
    """Pre-train a BERT, or what it is compared with, on a token store; ``output/model`` is the model folder.

    Under ``torchrun`` every rank calls this with the same arguments; ranks that it restarts go on by
    themselves from the newest checkpoint of the run that they had begun.

    Args:
        data: a store made by ``bertwright prepare``, or an opened one.
        output: the run's folder: new, or with ``resume`` that of the run to go on with.
        tokenizer: of a store that lives in memory; others carry their own.
        resume: True or ``"latest"`` goes on from the newest checkpoint, ``"latest-valid"`` passes over
            damaged ones. A run that was stopped before its first checkpoint begins anew.
        overwrite: replace a run that is there; not together with ``resume``.

    Raises:
        StoreError, DigestError: the store is damaged, too small, or does not fit.
        OutputExistsError, OutputBusyError, ResumeError, SettingsError, UsageError: the request is wrong;
            nothing was changed.
        Interrupted: a signal stopped the run; its state was saved.
        NonFiniteError, DiskError, RankError: it failed while running; the newest checkpoint is good.
    """
    begun = time.monotonic()
    if resume and overwrite:
        raise UsageError("resume and overwrite: expected one of them, got both")
    folder = RunFolder(output)
    with threads_as_before(), Ranks.join() as ranks:
        mode: ResumeMode | None = "latest-valid" if resume == "latest-valid" else "latest" if resume else None
        if ranks.remembers(folder.key):
            mode = mode or "latest"  # torchrun started us again, with the arguments of the first time
        # At once: ranks that were asked for other things would wait for each other somewhere on the way.
        ranks.require_equal({**flatten(settings), "resume": mode, "overwrite": overwrite})
        if mode is None and ranks.first:
            folder.require_new(overwrite)
            if settings.init is not None:
                require_elsewhere(folder.path, settings.init)  # a resumed run reads it again
        if mode is not None:  # refused at once, as a store of hours is about to be read
            settings = _as_begun(settings, folder.stored_settings())
            folder.require_settings(settings)
        watch = progress or Silent()
        read = RunData.read(data, tokenizer, settings)
        if read.initial is not None:
            settings = decided(settings, read.initial)
            for note in read.initial.notes:
                watch.say(note)
        if mode is None:
            settings = shared_out(_with_size(settings, read.store.num_tokens, ranks, watch), ranks)
        require_shares(settings, ranks, resumed=mode is not None)
        for warning in read.warnings(settings):
            watch.warn(warning)
        assembly = Assembly(settings, folder, read, ranks, watch)
        del read  # the model that the run goes on from is given up as soon as the network has its numbers
        with folder.held() if ranks.first else contextlib.nullcontext():
            if mode is None and ranks.first:
                folder.require_new(overwrite)  # again: another run may have come and gone since
            model = assembly.network()  # before an old run is cleared away for the new one
            assembly.claim(mode)
            loop = assembly.loop(model, mode, begun)
            loop.run("pre-training")
            return _finished(assembly, loop)


def _as_begun(settings: PretrainingSettings, stored: PretrainingSettings) -> PretrainingSettings:
    """``settings`` with what was decided when the run was begun, where nothing else is asked for."""
    settings = settings.model_copy(update={"init": settings.init or stored.init})
    of_the_network = ("size",) if settings.init is None else ("batch_size", "learning_rate")
    names = [name for name in ("micro_batch_size", *of_the_network) if getattr(settings, name) is None]
    return settings.model_copy(update={name: getattr(stored, name) for name in names})


def _with_size(
    settings: PretrainingSettings, tokens: int, ranks: Ranks, watch: Progress
) -> PretrainingSettings:
    """The settings with a size: what was said, by a time budget the best one, else the paper's base.

    Args:
        tokens: of the text.

    Raises:
        SettingsError: what was asked for does not go with the size that is chosen.
    """
    if settings.size is not None or settings.init is not None:
        return settings
    if settings.budget is None or not measures_size(settings):
        return settings.model_copy(update={"size": "base"})
    device = rank_device(settings.device, ranks)
    own = measured_peak(device.type, precision.resolve(settings.precision, device))
    peak = torch.tensor([own], dtype=torch.float64)
    ranks.sum(peak)
    size = best_size(settings.budget, float(peak), tokens)
    watch.say(f"size: {size}, for the time and this machine (--size says another)")
    return load(PretrainingSettings, overrides={**flatten(settings), "size": size}).value


def _finished(assembly: Assembly, loop: Loop[Any]) -> PretrainingSummary:
    """Write the model folder and the summary (on the first rank)."""
    summary = _summary(assembly, loop)
    model = assembly.whole_model(loop.model)  # of a sharded one every rank has to ask
    if not assembly.ranks.first:
        return summary
    summary = dataclasses.replace(summary, baselines=_measured(assembly, model))
    folder, data = assembly.folder, assembly.data
    if loop.step > loop.resumed_at or not folder.is_finished() or not folder.has_model():
        provenance = _provenance(assembly, summary)
        save_model(folder.model, model, data.tokenizer, task=None, provenance=provenance, overwrite=True)
    folder.write_summary(summary.to_dict())
    return summary


def _summary(assembly: Assembly, loop: Loop[Any]) -> PretrainingSummary:
    """What the loop has measured; the baselines are still to come."""
    figures, folder = loop.last_evaluation, assembly.folder
    return PretrainingSummary(
        steps=loop.step,
        tokens=loop.tokens,
        seconds=loop.seconds,
        **{name: figures.get(name) for name in _FIGURES},
        tokens_per_second=loop.tokens / max(loop.busy_seconds, 1e-9),
        parameters=sum(parameter.numel() for parameter in loop.model.parameters()),
        precision=assembly.precision,
        baselines={},
        output=str(folder.path),
        model=str(folder.model),
    )


def _measured(assembly: Assembly, model: nn.Module) -> dict[str, Baseline]:
    """The baselines on the held-out text; where tokens are masked, the model's guesses are left beside."""
    data, settings = assembly.data, assembly.settings
    vocabulary = data.tokenizer.vocabulary
    measured = baselines(data.training, data.held_out, vocabulary, next_token=settings.next_token)
    if not settings.next_token and isinstance(model, BertForPreTraining):
        filled = fill_blanks(
            model,
            data.held_out_documents,
            data.tokenizer,
            count=BLANKS,
            seed=settings.seed,
            paired=settings.paired,
        )
        assembly.folder.write_blanks([blank.to_dict() for blank in filled])
    return measured


def _provenance(assembly: Assembly, summary: PretrainingSummary) -> dict[str, Any]:
    """What the final model folder says of the run; not where it lies, as folders are moved."""
    told = {name: value for name, value in summary.to_dict().items() if name not in ("output", "model")}
    store = assembly.data.store
    return assembly.provenance(
        told,
        documents=store.num_documents,
        sentences=store.num_sentences,
        tokens=store.num_tokens,
        held_out_share=assembly.settings.held_out_share,
    )
