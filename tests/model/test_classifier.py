"""The classifier: transformers' BertForSequenceClassification, one added layer."""

from __future__ import annotations

import torch
import transformers

from bertwright.checkpoints.conversion import from_hugging_face, to_hugging_face
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder

CONFIG = BertConfig(
    vocab_size=31,
    hidden_size=12,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=19,
    max_position_embeddings=11,
    initializer_range=0.3,
)
IDS = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


def test_transformers_agrees_both_ways() -> None:
    ours = SequenceClassifier(CONFIG, 5, seed=2).eval()
    theirs = transformers.BertForSequenceClassification(
        transformers.BertConfig(**CONFIG.to_dict(), num_labels=5)
    ).eval()
    theirs.load_state_dict(to_hugging_face(ours.state_dict(), CONFIG))
    with torch.no_grad():
        expected = theirs(input_ids=IDS, attention_mask=MASK).logits
        torch.testing.assert_close(ours(IDS, None, MASK), expected, rtol=0, atol=1e-5)
    back = from_hugging_face(theirs.state_dict(), CONFIG, "theirs", allow_nonfinite=False)
    assert back.parts == {"encoder", "pooler", "head"}
    for name, tensor in ours.state_dict().items():
        assert torch.equal(back.tensors[name], tensor), name


def test_it_adds_one_layer_to_the_encoder_it_is_given() -> None:
    encoder = BertEncoder(CONFIG, seed=7)
    model = SequenceClassifier(CONFIG, 3, encoder=encoder, seed=1)
    assert model.encoder is encoder
    added = sum(p.numel() for p in model.parameters()) - CONFIG.num_parameters()
    assert added == 3 * 12 + 3


def test_every_parameter_is_reached() -> None:
    model = SequenceClassifier(CONFIG, 3).train()
    model(IDS, torch.ones_like(IDS), MASK).logsumexp(-1).sum().backward()
    unreached = {name for name, p in model.named_parameters() if p.grad is None}
    assert unreached == set()
