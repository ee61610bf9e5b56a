"""From settings and data to a loop that is ready to run."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy.typing as npt
import torch
from torch import nn

import bertwright
from bertwright import strict_json
from bertwright.checkpoints.environment import libraries
from bertwright.checkpoints.memory import require_memory
from bertwright.checkpoints.model_folder import save_model
from bertwright.config.settings import flatten
from bertwright.durable import check_free_space, make_directory
from bertwright.errors import ResumeError, shown_path
from bertwright.model.bilm import BilmForPreTraining
from bertwright.model.bilm_config import BilmConfig
from bertwright.model.config import BertConfig
from bertwright.model.host_memory import keep_freed_memory
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.pretraining.config import FREE_TO_CHANGE, PretrainingSettings
from bertwright.pretraining.evaluation import HeldOutEvaluation
from bertwright.pretraining.run_data import RunData
from bertwright.pretraining.run_folder import LIBRARIES, RunFolder
from bertwright.pretraining.source import PhasedSource
from bertwright.pretraining.step import PretrainingPart, PretrainingStep
from bertwright.progress import Progress
from bertwright.tokenization.vocabulary import Vocabulary
from bertwright.training import precision
from bertwright.training.checkpoint_store import CheckpointStore, ResumeMode, to_cpu
from bertwright.training.devices import rank_device
from bertwright.training.loop import Loop
from bertwright.training.loop_settings import LoopSettings
from bertwright.training.metrics_log import MetricsLog
from bertwright.training.optimizers import build_optimizer
from bertwright.training.pace import BudgetPace, Pace, StepPace
from bertwright.training.ranks import Ranks
from bertwright.training.schedule import LinearSchedule
from bertwright.training.sharding import shard, sharded
from bertwright.training.threads import fastest_threads

_COPIES = 4  # weights, gradients, two moments


class Assembly:
    """The parts of one run."""

    def __init__(
        self,
        settings: PretrainingSettings,
        folder: RunFolder,
        data: RunData,
        ranks: Ranks,
        progress: Progress,
    ) -> None:
        self.settings, self.folder, self.data, self.ranks, self.progress = (
            settings,
            folder,
            data,
            ranks,
            progress,
        )
        self.device = rank_device(settings.device, ranks)
        initial = data.initial
        self.config = _new_network(settings, data.tokenizer.vocabulary) if initial is None else initial.config
        self.precision = precision.resolve(settings.precision, self.device)
        if self.device.type == "cpu":
            require_memory(self.config, folder.path, copies=_COPIES)
        else:
            require_memory(self.config, folder.path)
        vocabulary = data.tokenizer.vocabulary
        self.source = PhasedSource.of(data.training, vocabulary, settings, self.config)

    def facts(self) -> dict[str, Any]:
        """What decides the run besides its settings; a resumed run must have the same."""
        facts = {
            "version": bertwright.__version__,
            "store": self.data.store.digest,
            "vocabulary": self.data.tokenizer.digest,
            "precision": self.precision,
        }
        initial = self.data.initial
        return facts if initial is None else {**facts, "init": initial.digest}

    def provenance(self, training: Mapping[str, Any], **text: Any) -> dict[str, Any]:
        """What a model folder says of how it was made.

        Args:
            training: figures of the run.
            text: more about what was read.
        """
        return {
            "data": {**self.facts(), **text},
            "training": dict(training),
            "settings": self.settings.model_dump(mode="json"),
        }

    def claim(self, mode: ResumeMode | None) -> None:
        """Make the folder, or see that it holds this very run (on the first rank); then compare the ranks.

        Raises:
            ResumeError: it does not; each difference is named. Or it is finished, without its checkpoints.
            DiskError: there is no room for the checkpoints that the run will keep.
        """
        if self.ranks.first:
            check_free_space(self.folder.path, self._needed_bytes(mode))
        if mode is None and self.ranks.first:
            self.folder.begin(self.settings, {**self.facts(), LIBRARIES: libraries()})
            self.ranks.remember(self.folder.key)
        elif self.ranks.first:
            self._require_checkpoints()
            self.folder.require_same(self.settings, self.facts())
            for changed in self.folder.upgrades(libraries()):
                self.progress.warn(f"{changed}: what the rest draws may be other than it would have been")
            self.ranks.remember(self.folder.key)
        self.ranks.require_equal({**flatten(self.settings), **self.facts()})

    def _require_checkpoints(self) -> None:
        """A run without checkpoints begins anew, which would undo a finished one."""
        if CheckpointStore(self.folder.checkpoints).steps():
            return
        if self.folder.is_finished():
            where = shown_path(self.folder.path)
            raise ResumeError(
                f"{where}: this run is finished, and its checkpoints are gone (--overwrite begins anew)"
            )
        self.progress.warn("no checkpoint is there: the run begins anew")

    def _needed_bytes(self, mode: ResumeMode | None) -> int:
        """What the kept checkpoints and the one that is being written take, beyond what is there already."""
        one = 3 * 4 * self.config.num_pretraining_parameters()  # weights and two moments
        room = one * (self.settings.keep + 1) - self.folder.occupied(anew=mode is None)
        # A new run removes the old one before it writes; one that goes on removes a checkpoint afterwards.
        return max(room, 0 if mode is None else one)

    def loop(self, model: nn.Module, mode: ResumeMode | None, begun: float) -> Loop[PretrainingPart]:
        """The loop, at its beginning or where the checkpoint left it.

        Args:
            model: what :meth:`network` gave.
            mode: which checkpoint to go on from, if any.
            begun: when the run was asked for (``time.monotonic``); a time budget counts from there.
        """
        settings = self.settings
        if settings.shard and self.ranks.size > 1 and isinstance(model, BertForPreTraining):
            self.ranks.require_equal({"initial weights": _fingerprint(model)})
            shard(model, model.encoder.layers, self.ranks.size)
        step = PretrainingStep(self.device, settings.asks.words)
        if settings.budget is not None and self.device.type == "cpu" and self.ranks.size == 1:
            torch.set_num_threads(fastest_threads(lambda: self._try(model, step)))
        evaluation = HeldOutEvaluation(
            model, self.data.held_out, step, self.ranks, settings.evaluation_instances
        )
        checkpoints = CheckpointStore(self.folder.checkpoints, settings.keep, self._checkpoint_facts())
        pace = self._pace(evaluation, begun, resuming=mode is not None and bool(checkpoints.steps()))
        schedule = LinearSchedule(
            settings.peak_rate,
            pace.total,
            settings.warmup(pace.total),
            settings.schedule,
            unit=0.0 if settings.budget else 1.0,
        )
        optimizer = build_optimizer(
            model,
            settings.optimizer,
            weight_decay=settings.weight_decay,
            betas=settings.betas,
            eps=settings.adam_epsilon,
        )
        loop = Loop(
            model,
            optimizer,
            schedule,
            pace,
            self.source,
            step,
            settings=self._loop_settings(),
            evaluate=evaluation,
            ranks=self.ranks,
            checkpoints=checkpoints,
            log=self._log(),
            milestone=self._keep,
            progress=self.progress,
        )
        if mode is not None:
            loop.resume(mode)
            if self.ranks.first and pace.moment(loop.step, loop.seconds) is not None:
                self.folder.reopen()
        self.ranks.require_equal({"step": loop.step})
        if self.ranks.size > 1 and not sharded(model):  # of a sharded one each rank has slices of its own
            self.ranks.require_equal({"weights": _fingerprint(model)})
        return loop

    def _checkpoint_facts(self) -> dict[str, Any]:
        """What a checkpoint is only good with: this run, and all that decides its result."""
        values = self.settings.model_dump(mode="json", exclude=set(FREE_TO_CHANGE))
        digest = hashlib.sha256(strict_json.dump(values).encode()).hexdigest()
        return {**self.facts(), "digest of the settings": digest[:16], "id of the run": self.folder.run_id()}

    def network(self) -> BertForPreTraining | BilmForPreTraining:
        """The network that is trained, on its device; to be asked once, as the initial model is given up.

        Raises:
            ModelError: the initial model lacks weights that are not drawn anew.
        """
        if self.device.type == "cpu":
            keep_freed_memory()
        initial, seed = self.data.initial, self.settings.seed
        model: BertForPreTraining | BilmForPreTraining
        if initial is not None:
            model = initial.model(seed).train()
            self.data = replace(self.data, initial=initial.spent())
        elif isinstance(self.config, BilmConfig):
            model = BilmForPreTraining(self.config, seed=seed)
        else:
            model = BertForPreTraining(self.config, seed=seed)
        if isinstance(model, BertForPreTraining):
            if not self.settings.paired:
                model.freeze_pairs()
            model.pairs = self.settings.paired or (initial is not None and initial.judges_pairs)
        return model.to(self.device)

    def whole_model(self, model: nn.Module) -> nn.Module:
        """The model as one process holds it; of a sharded one a copy in host memory, on the first rank.

        Every rank has to ask; the others get their own back.
        """
        if not isinstance(model, BertForPreTraining) or not sharded(model):
            return model
        weights = to_cpu(model.state_dict(), keep=self.ranks.first)
        if not self.ranks.first:
            return model
        copy = BertForPreTraining(self.config, seed=None)
        copy.load_state_dict(weights, assign=True)
        copy.pairs = model.pairs
        return copy.eval()

    def _keep(self, loop: Loop[PretrainingPart], share: float) -> None:
        """Save the model of the moment (on the first rank); of a sharded one every rank has to ask."""
        model = self.whole_model(loop.model)
        if not self.ranks.first:
            return
        path = self.folder.milestone(share)
        make_directory(path.parent)
        provenance = self.provenance({"steps": loop.step, "tokens": loop.tokens, "share": share})
        save_model(path, model, self.data.tokenizer, task=None, provenance=provenance, overwrite=True)

    def _try(self, model: nn.Module, step: PretrainingStep) -> None:
        """Forward and backward of the first micro-batch, as the loop will do it; nothing is changed."""
        whole, size = self.source.phases[0].batch(0), self.source.micro_batch_sizes[0]
        part = PretrainingPart(whole.rows(0, size), len(whole.masked_labels), len(whole))
        with precision.autocast(self.precision, self.device):
            loss = step(model, part).loss
        loss.backward()  # type: ignore[no-untyped-call]
        model.zero_grad(set_to_none=True)

    def _pace(self, evaluation: HeldOutEvaluation, begun: float, *, resuming: bool) -> Pace:
        settings = self.settings
        shares = [phase.share for phase in settings.phases]
        if settings.steps is not None:
            return StepPace(settings.steps, shares)
        if settings.epochs is not None:
            return StepPace(self.source.steps_of(settings.epochs, shares), shares)
        budget = settings.budget or 0.0
        # A resumed run goes by the clock that its checkpoint tells.
        reserve = 0.0 if resuming else self._evaluation_seconds(evaluation)
        left = max(budget / 2, budget - (time.monotonic() - begun) - reserve)
        return BudgetPace(self.ranks.first_says(left), shares, list(self.source.costs()))

    def _evaluation_seconds(self, evaluation: HeldOutEvaluation) -> float:
        """How long the evaluation at the end will take; also shows early that evaluating works at all."""
        first = HeldOutEvaluation(
            evaluation.model, evaluation.batches[:1], evaluation.step, evaluation.ranks, evaluation.instances
        )
        evaluation.model.eval()
        with torch.inference_mode(), precision.autocast(self.precision, self.device):
            first(last=True)
            started = time.monotonic()
            first(last=True)
        evaluation.model.train()
        return (time.monotonic() - started) * len(evaluation.batches) / self.ranks.size

    def _loop_settings(self) -> LoopSettings:
        settings = self.settings
        return LoopSettings(
            seed=settings.seed,
            precision=self.precision,
            max_gradient_norm=settings.max_gradient_norm,
            log_every=settings.log_every,
            evaluations=settings.evaluations,
            evaluate_every=settings.evaluate_every or 0,
            milestones=tuple(settings.milestones or ()),
            checkpoint_every=settings.checkpoint_every or 0,
            checkpoint_seconds=settings.checkpoint_interval,
            compile=settings.compile == "on" or (settings.compile == "auto" and self.device.type == "cuda"),
        )

    def _log(self) -> MetricsLog | None:
        if not self.ranks.first:
            return None
        board = self.folder.tensorboard if self.settings.tensorboard else None
        return MetricsLog(self.folder.metrics, board, self.progress.warn)


def _fingerprint(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        values: npt.NDArray[Any] = tensor.detach().cpu().contiguous().numpy()
        digest.update(values.data)
    return digest.hexdigest()[:16]


def _new_network(settings: PretrainingSettings, vocabulary: Vocabulary) -> BertConfig:
    """Sizes of a network that nobody has trained; its padding is the vocabulary's, wherever that stands."""
    config = settings.bert_config(len(vocabulary))
    return config.model_copy(update={"pad_token_id": vocabulary.pad_id})
