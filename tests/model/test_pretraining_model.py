"""Both heads: equal to transformers', counted, every parameter trained, one graph for the compiler."""

from __future__ import annotations

import pytest
import torch
import transformers
from model.sizes import CONFIG, B, S
from torch import Tensor

from bertwright.checkpoints.conversion import from_hugging_face, to_hugging_face
from bertwright.model.config import BertConfig
from bertwright.model.losses import classification_loss, masked_language_loss
from bertwright.model.pretraining_model import BertForPreTraining

POSITIONS = torch.tensor([0, 3, 8, 20, 21, 22, 55, 90])
LABELS = torch.arange(8) * 11
NEXT = torch.arange(B) % 2

Inputs = tuple[Tensor, Tensor, Tensor]


@pytest.fixture
def inputs() -> Inputs:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(0, 97, (B, S), generator=generator)
    types = torch.randint(0, 5, (B, S), generator=generator)
    mask = torch.arange(S) < torch.randint(1, S + 1, (B, 1), generator=generator)
    return ids, types, mask


def loss_of(model: BertForPreTraining, inputs: Inputs) -> Tensor:
    output = model(*inputs, POSITIONS)
    return masked_language_loss(output.mlm_logits, LABELS) + classification_loss(output.nsp_logits, NEXT)


def their_model() -> transformers.BertForPreTraining:
    torch.manual_seed(8)
    return transformers.BertForPreTraining(transformers.BertConfig(**CONFIG.to_dict())).eval()


def test_our_weights_in_transformers(inputs: Inputs) -> None:
    ours, theirs = BertForPreTraining(CONFIG, seed=5).eval(), their_model()
    missing, unexpected = theirs.load_state_dict(to_hugging_face(ours.state_dict(), CONFIG), strict=False)
    assert unexpected == []
    assert set(missing) <= {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}  # both are tied
    assert_equal_logits(ours, theirs, inputs)


def test_their_weights_in_ours(inputs: Inputs) -> None:
    ours, theirs = BertForPreTraining(CONFIG, seed=None), their_model()
    weights = from_hugging_face(theirs.state_dict(), CONFIG, "their model", allow_nonfinite=False)
    ours.load_state_dict(weights.tensors, assign=True)
    assert weights.ignored == ()
    assert_equal_logits(ours.eval(), theirs, inputs)


def assert_equal_logits(
    ours: BertForPreTraining, theirs: transformers.BertForPreTraining, inputs: Inputs
) -> None:
    ids, types, mask = inputs
    with torch.no_grad():
        mine = ours(ids, types, mask, POSITIONS)
        other = theirs(input_ids=ids, token_type_ids=types, attention_mask=mask.long())
    expected = other.prediction_logits.flatten(0, 1)[POSITIONS]
    torch.testing.assert_close(mine.mlm_logits, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(mine.nsp_logits, other.seq_relationship_logits, rtol=0, atol=1e-5)


def test_gradients_equal_those_of_transformers(inputs: Inputs) -> None:
    """Through both losses, with every parameter compared under its name there."""
    ids, types, mask = inputs
    ours, theirs = BertForPreTraining(CONFIG, seed=5).eval(), their_model()
    theirs.load_state_dict(to_hugging_face(ours.state_dict(), CONFIG), strict=False)
    labels = torch.full((B * S,), -100)
    labels[POSITIONS] = LABELS
    theirs(
        input_ids=ids,
        token_type_ids=types,
        attention_mask=mask.long(),
        labels=labels.view(B, S),
        next_sentence_label=NEXT,
    ).loss.backward()
    loss_of(ours, inputs).backward()
    gradients = {name: p.grad for name, p in ours.named_parameters() if p.grad is not None}
    expected = {name: p.grad for name, p in theirs.named_parameters()}
    mine = to_hugging_face(gradients, CONFIG)
    assert set(mine) == set(expected)
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_every_parameter_is_reached(training: bool, inputs: Inputs) -> None:
    model = BertForPreTraining(CONFIG).train(training)
    loss_of(model, inputs).backward()
    unreached = [
        name for name, p in model.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)
    ]
    assert unreached == []


@pytest.mark.parametrize("size", ["tiny", "base", "large"])
def test_as_many_parameters_as_published(size: str) -> None:
    config = BertConfig.published(size)
    with torch.device("meta"):
        theirs = transformers.BertForPreTraining(transformers.BertConfig(**config.to_dict()))
    ours = sum(p.numel() for p in BertForPreTraining(config, seed=None).parameters())
    assert ours == config.num_pretraining_parameters() == sum(p.numel() for p in theirs.parameters())
    assert size != "base" or ours == 110_106_428


def test_no_masked_position_is_a_batch_too(inputs: Inputs) -> None:
    output = BertForPreTraining(CONFIG).eval()(*inputs, torch.zeros(0, dtype=torch.int64))
    assert output.mlm_logits.shape == (0, 97)
    assert output.nsp_logits.shape == (B, 2)


def test_the_compiler_sees_one_graph_for_any_number_of_masked_positions(inputs: Inputs) -> None:
    """No graph break, no wait for a value, no new graph when only P changes."""
    torch._dynamo.reset()
    model = BertForPreTraining(CONFIG).eval()
    graphs = []

    def count(graph: torch.fx.GraphModule, example: list[Tensor]) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    compiled = torch.compile(model, backend=count, fullgraph=True)
    for number in (5, 6, 7, 8):
        positions = POSITIONS[:number].clone()
        torch._dynamo.mark_dynamic(positions, 0)
        logits = compiled(*inputs, positions).mlm_logits
        torch.testing.assert_close(logits, model(*inputs, positions).mlm_logits)
    assert len(graphs) == 1
    model.train()
    compiled(*inputs, POSITIONS)
    assert len(graphs) == 2  # one more, with dropout
    torch._dynamo.reset()
