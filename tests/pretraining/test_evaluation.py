"""Held-out figures: by hand from the logits, the same for any number of ranks."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from pretraining.small_run import memory_store, settings
from torch.nn import functional as F

from bertwright.data.objectives import ObjectiveName
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.pretraining.config import MICRO_BATCH_TOKENS, PretrainingSettings
from bertwright.pretraining.evaluation import LAST_TIMES, HeldOutEvaluation, read_held_out
from bertwright.pretraining.source import PhasedSource
from bertwright.pretraining.step import PretrainingStep
from bertwright.training.pace import Moment, StepPace
from bertwright.training.ranks import Ranks


@pytest.fixture(scope="module")
def evaluation() -> HeldOutEvaluation:
    store, words = memory_store()
    chosen = settings()
    _, held_out = store.split(0.2, 0)
    model = BertForPreTraining(chosen.bert_config(store.vocab_size)).eval()
    batches = read_held_out(held_out, words.vocabulary, chosen)
    return HeldOutEvaluation(model, batches, PretrainingStep(torch.device("cpu")), Ranks(), 4)


def test_by_hand(evaluation: HeldOutEvaluation) -> None:
    logits, labels, pair_logits, pair_labels = [], [], [], []
    with torch.inference_mode():
        for batch in evaluation.batches:
            arrays = (batch.input_ids, batch.token_type_ids, batch.attention_mask, batch.masked_positions)
            output = evaluation.model(*map(torch.from_numpy, arrays))
            logits.append(output.mlm_logits)
            labels.append(torch.from_numpy(batch.masked_labels))
            pair_logits.append(output.nsp_logits)
            assert batch.next_sentence_labels is not None
            pair_labels.append(torch.from_numpy(batch.next_sentence_labels))
        found = evaluation(True)
    loss = F.cross_entropy(torch.cat(logits), torch.cat(labels)).item()
    assert found["mlm_loss"] == pytest.approx(loss, rel=1e-5)
    assert found["mlm_perplexity"] == pytest.approx(math.exp(loss), rel=1e-4)
    right = (torch.cat(logits).argmax(-1) == torch.cat(labels)).double().mean().item()
    assert found["mlm_accuracy"] == pytest.approx(right)
    pairs = F.cross_entropy(torch.cat(pair_logits), torch.cat(pair_labels)).item()
    assert found["nsp_loss"] == pytest.approx(pairs, rel=1e-5)
    assert 0 <= found["nsp_accuracy"] <= 1
    answers = torch.cat(pair_labels).tolist()
    assert found["nsp_majority"] == pytest.approx(max(map(answers.count, (0, 1))) / len(answers))


def test_on_the_way_fewer_instances_are_read(evaluation: HeldOutEvaluation) -> None:
    assert sum(len(batch) for batch in evaluation.batches) <= 16 * LAST_TIMES
    with torch.inference_mode():
        assert evaluation(False)["mlm_loss"] != evaluation(True)["mlm_loss"]


@pytest.mark.parametrize("instances", [1, 3, 7, 10**6])
def test_on_the_way_exactly_so_many_are_read(instances: int, evaluation: HeldOutEvaluation) -> None:
    held = sum(len(batch) for batch in evaluation.batches)
    read = replace(evaluation, instances=instances)._first()
    assert sum(len(batch) for batch in read) == min(instances, held)


@pytest.mark.parametrize(("objective", "share"), [("mlm+nsp", 1), ("mlm", 1), ("clm", 4), ("bilm", 2)])
@pytest.mark.parametrize("length", [24, 128, 512, 4096])
def test_evaluating_takes_no_more_memory_than_training(
    objective: ObjectiveName, share: int, length: int
) -> None:
    """Logits are what fills it: of all tokens, where all are predicted."""
    store, words = memory_store()
    lengths = {"sequence_length": length, "long_share": 0.0, "max_position_embeddings": 4096}
    chosen = settings(objective=objective, micro_batch_size=None, evaluation_instances=40, **lengths)
    batches = read_held_out(store, words.vocabulary, chosen)
    rows = max(len(batch) for batch in batches)
    assert rows == 1 or rows * length <= MICRO_BATCH_TOKENS // share
    assert rows <= 32


def test_the_size_of_a_batch_changes_no_figure(
    evaluation: HeldOutEvaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, words = memory_store()
    _, held_out = store.split(0.2, 0)
    monkeypatch.setattr(PretrainingSettings, "instances_that_fit", lambda self, length: 3)
    batches = read_held_out(held_out, words.vocabulary, settings())
    assert max(len(batch) for batch in batches) == 3
    with torch.inference_mode():
        figures, others = evaluation(True), replace(evaluation, batches=batches)(True)
    assert others == {name: pytest.approx(value, rel=1e-6) for name, value in figures.items()}


def test_ranks_read_each_batch_once(evaluation: HeldOutEvaluation) -> None:
    shares = [evaluation.batches[rank::2] for rank in range(2)]
    assert sorted(map(id, [batch for share in shares for batch in share])) == sorted(
        map(id, evaluation.batches)
    )


def test_the_same_instances_every_time() -> None:
    store, words = memory_store()
    _, held_out = store.split(0.2, 0)
    one, two = (read_held_out(held_out, words.vocabulary, settings()) for _ in range(2))
    assert len(one) == len(two) > 0
    for first, second in zip(one, two, strict=True):
        assert (first.input_ids == second.input_ids).all()


def test_no_held_out_document_is_trained_on() -> None:
    store, _ = memory_store()
    training, held_out = store.split(0.2, 0)
    trained = {str(training.document(number)) for number in range(training.num_documents)}
    held = {str(held_out.document(number)) for number in range(held_out.num_documents)}
    assert len(trained) + len(held) == store.num_documents
    assert not trained & held


def test_micro_batches_make_up_the_global_batch() -> None:
    store, words = memory_store()
    chosen = settings(micro_batch_size=3)
    source = PhasedSource.of(store, words.vocabulary, chosen, chosen.bert_config(store.vocab_size))
    for step in range(12):
        moment = StepPace(12, (0.75, 0.25)).moment(step, 0.0)
        assert isinstance(moment, Moment)
        batch = source(moment)
        whole = source.phases[moment.phase].batch(moment.step_in_phase)
        assert [len(part.batch) for part in batch.parts] == [3, 3, 2]
        assert {part.masked_total for part in batch.parts} == {len(whole.masked_labels)}
        assert sum(len(part.batch.masked_labels) for part in batch.parts) == len(whole.masked_labels)
        assert batch.tokens == whole.num_tokens
        assert batch.flops > 0


def test_epochs_to_steps() -> None:
    store, words = memory_store()
    chosen = settings()
    source = PhasedSource.of(store, words.vocabulary, chosen, chosen.bert_config(store.vocab_size))
    short, long = (batches.instances_in_epoch(0) for batches in source.phases)
    steps = source.steps_of(10, [0.75, 0.25])
    passes = 8 * (0.75 * steps / short + 0.25 * steps / long)
    assert passes == pytest.approx(10, abs=8 / short)
