"""Output layers on rows, tokens, spans and choices: by hand, and with padding left out or not."""

from __future__ import annotations

import pytest
import torch

from bertwright.model.choice_classifier import ChoiceClassifier
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.config import BertConfig
from bertwright.model.span_classifier import SpanClassifier
from bertwright.model.task_model import TaskModel
from bertwright.model.token_classifier import TokenClassifier

CONFIG = BertConfig(
    vocab_size=31,
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=40,
    max_position_embeddings=19,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
    initializer_range=0.3,
)
LENGTHS = (7, 1, 13, 4)
OUTPUTS = {SequenceClassifier: 3, ChoiceClassifier: 1, TokenClassifier: 5, SpanClassifier: 2}
BY_TOKEN = (TokenClassifier, SpanClassifier)


def rows() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, segments and mask (4, 13) of rows of several lengths."""
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    chance = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 31, mask.shape, generator=chance) * mask
    return ids, torch.randint(0, 2, mask.shape, generator=chance) * mask, mask


@pytest.mark.parametrize("cls", OUTPUTS)
def test_padding_changes_no_logit(cls: type[TaskModel]) -> None:
    model = cls(CONFIG, OUTPUTS[cls], seed=2).eval()
    ids, types, mask = rows()
    together = model(ids, types, mask)
    shape = (4, 13, OUTPUTS[cls]) if cls in BY_TOKEN else (4, OUTPUTS[cls])
    assert together.shape == shape
    for row, length in enumerate(LENGTHS):
        alone = model(ids[row : row + 1, :length], types[row : row + 1, :length])
        whole = together[row : row + 1]
        torch.testing.assert_close(whole[:, :length] if cls in BY_TOKEN else whole, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("cls", BY_TOKEN)
def test_a_layer_on_the_last_hidden_states(cls: type[TaskModel]) -> None:
    model = cls(CONFIG, OUTPUTS[cls], seed=2).eval()
    ids, types, mask = rows()
    hidden = model.encoder(ids, types, mask).last_hidden_state
    layer = model.get_submodule(f"{cls.part}.output")
    assert isinstance(layer, torch.nn.Linear)
    expected = hidden @ layer.weight.T + layer.bias
    torch.testing.assert_close(model(ids, types, mask)[mask], expected[mask], atol=1e-5, rtol=0)
    assert not model(ids, types, mask)[~mask].any()


@pytest.mark.parametrize("cls", OUTPUTS)
def test_everything_but_an_unused_pooler_is_trained(cls: type[TaskModel]) -> None:
    model = cls(CONFIG, OUTPUTS[cls], seed=2)
    ids, types, mask = rows()
    model(ids, types, mask).square().sum().backward()
    for name, parameter in model.named_parameters():
        untouched = not cls.pools and name.startswith("encoder.pooler.")
        assert parameter.requires_grad != untouched, name
        assert (parameter.grad is None) == untouched, name


def test_spans_have_two_outputs() -> None:
    with pytest.raises(ValueError, match="expected 2"):
        SpanClassifier(CONFIG, 3)
