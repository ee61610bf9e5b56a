"""Twelve steps of the original's pre-training (``run_pretraining.py`` with its own optimizer), replayed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from shared import shared_path

from bertwright import strict_json
from bertwright.checkpoints.conversion import from_tensorflow
from bertwright.checkpoints.tensorflow.bundle import TensorBundle
from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.pretraining.step import PretrainingPart, PretrainingStep
from bertwright.training.loop import Loop
from bertwright.training.loop_settings import LoopSettings
from bertwright.training.metrics_log import MetricsLog
from bertwright.training.optimizers import build_optimizer
from bertwright.training.pace import Moment, StepPace
from bertwright.training.parts import GlobalBatch
from bertwright.training.schedule import LinearSchedule

CASE = "golden/model/c"


def _model(name: str) -> BertForPreTraining:
    folder = shared_path(CASE)
    source = folder / "bert_config.json"
    config = BertConfig.from_tensorflow(strict_json.load(source), source)
    bundle = TensorBundle(folder / name)
    weights = from_tensorflow(bundle.entries, bundle.read, config, bundle.index, allow_nonfinite=False)
    model = BertForPreTraining(config)
    model.load_state_dict(weights.tensors)
    return model


def _batches() -> list[PretrainingBatch]:
    with np.load(shared_path(f"{CASE}/batches.npz")) as file:
        data = {name: file[name].astype(np.int64) for name in file.files}
    batches = []
    for step in range(len(data["input_ids"])):
        rows, length = data["input_ids"][step].shape
        real = data["masked_lm_weights"][step].astype(bool)
        flat = data["masked_lm_positions"][step] + np.arange(rows)[:, None] * length
        batches.append(
            PretrainingBatch(
                data["input_ids"][step],
                data["token_type_ids"][step],
                data["input_mask"][step].astype(bool),
                flat[real],
                data["masked_lm_ids"][step][real],
                data["next_sentence_labels"][step][:, 0],
            )
        )
    return batches


@pytest.mark.parametrize("micro_batches", [1, 4])
def test_twelve_steps_are_the_original_s(micro_batches: int, tmp_path: Path) -> None:
    golden = json.loads(shared_path(f"{CASE}/trajectory.json").read_text())
    model, batches = _model("model.ckpt-0"), _batches()

    def source(moment: Moment) -> GlobalBatch[PretrainingPart]:
        whole = batches[moment.step]
        size = len(whole) // micro_batches
        parts = [whole.rows(begin, begin + size) for begin in range(0, len(whole), size)]
        totals = len(whole.masked_labels), len(whole)
        return GlobalBatch([PretrainingPart(part, *totals) for part in parts], whole.num_tokens)

    loop = Loop(
        model,
        build_optimizer(model, "bert-adam"),
        LinearSchedule(golden["init_lr"], golden["num_train_steps"], golden["num_warmup_steps"], "original"),
        StepPace(golden["steps_run"]),
        source,
        PretrainingStep(torch.device("cpu")),
        settings=LoopSettings(log_every=1),
        log=MetricsLog(tmp_path / "metrics.jsonl"),
    )
    loop.run()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    ours = [[r["loss"], r["mlm_loss"], r["nsp_loss"], r["gradient_norm"]] for r in lines]
    np.testing.assert_allclose(ours, golden["per_step"], rtol=1e-4)
    final = _model(f"model.ckpt-{golden['steps_run']}").state_dict()
    worst = max((tensor - final[name]).abs().max().item() for name, tensor in model.state_dict().items())
    assert worst < 2e-5
