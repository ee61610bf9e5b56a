"""A step's losses: masked positions rounded up count nothing; a GPU gives what the processor gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pretraining import small_run

from bertwright.data.batches import PretrainingBatches
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.objectives import TWO_WAYS
from bertwright.model.bilm import BilmForPreTraining
from bertwright.model.bilm_config import BilmConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.pretraining import step as module
from bertwright.pretraining.step import PretrainingPart, PretrainingStep


def part_and_model() -> tuple[PretrainingPart, BertForPreTraining]:
    store, words = small_run.memory_store()
    settings = InstanceSettings(max_length=32)
    batch = PretrainingBatches(store, words.vocabulary, settings, 8, 1).batch(0)
    config = small_run.settings().bert_config(len(words.vocabulary))
    return PretrainingPart(batch, len(batch.masked_labels), len(batch)), BertForPreTraining(config, seed=3)


def test_few_shapes_change_no_loss_and_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    part, model = part_and_model()
    monkeypatch.setattr(module, "_MULTIPLE_ON_HOST", 1)
    step = PretrainingStep(torch.device("cpu"))
    model.eval()
    rounded = module._of_few_shapes(part.batch, 256)
    assert len(rounded.masked_labels) == len(rounded.masked_positions) == 256 > part.masked_total
    results = []
    for batch in (part.batch, rounded):
        loss = step(model, PretrainingPart(batch, part.masked_total, part.rows_total)).loss
        loss.backward()  # type: ignore[no-untyped-call]
        results.append((loss.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
        model.zero_grad(set_to_none=True)
    torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-6)
    assert len(module._of_few_shapes(rounded, 256).masked_labels) == 256  # already even


def test_a_processor_meets_few_numbers_of_positions() -> None:
    part, model = part_and_model()
    seen: list[int] = []
    model.register_forward_pre_hook(lambda _, given: seen.append(len(given[3])))
    PretrainingStep(torch.device("cpu"))(model, part)
    assert part.masked_total % 16 and seen == [-(-part.masked_total // 16) * 16]


def test_few_shapes_change_nothing_of_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MULTIPLE_ON_HOST", 1)
    store, words = small_run.memory_store()
    chosen = small_run.settings(objective="bilm")
    batch = PretrainingBatches(store, words.vocabulary, chosen.instances(32), 8, 1).batch(0)
    config = chosen.bert_config(len(words.vocabulary))
    assert isinstance(config, BilmConfig)
    model, step = BilmForPreTraining(config, seed=3).eval(), PretrainingStep(torch.device("cpu"), TWO_WAYS)
    count = len(batch.masked_labels)
    labels = step.labels(batch)
    flat = batch.input_ids.ravel()
    assert (labels[:count] == flat[batch.masked_positions + 1]).all()
    assert (labels[count:] == flat[batch.masked_positions]).all()
    losses = [
        step(model, PretrainingPart(rows, count, len(batch))).loss.detach()
        for rows in (batch, module._of_few_shapes(batch, 16))
    ]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-6)
    parts = [
        step(model, PretrainingPart(batch.rows(a, a + 2), count, len(batch))).loss.detach()
        for a in range(0, 8, 2)
    ]
    torch.testing.assert_close(sum(parts), losses[0], rtol=1e-5, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("objective", ["mlm+nsp", "clm", "bilm"])
@pytest.mark.filterwarnings("ignore:TensorFloat32")
def test_gpu_and_processor_agree(objective: str, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    losses = []
    for device, compiled in (("cpu", "off"), ("cuda", "off"), ("cuda", "on")):
        output = tmp_path / f"{device}-{compiled}"
        chosen = {"objective": objective, "device": device, "compile": compiled}
        small_run.run(output, **chosen, dropout=0.0, precision="fp32")
        losses.append([record["loss"] for record in small_run.records(output) if record["kind"] == "train"])
    assert len(losses[0]) > 2
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert losses[2] == pytest.approx(losses[0], rel=1e-3)
