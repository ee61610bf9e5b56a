"""Every number of the original's model within 2e-5: ``a`` has odd sizes, ``b`` is real English."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_model import TOLERANCE, answers, arrays, furthest, gradients
from shared import shared_path
from torch import Tensor

from bertwright.checkpoints.conversion import from_tensorflow
from bertwright.checkpoints.model_folder import open_model
from bertwright.checkpoints.tensorflow.bundle import TensorBundle
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.config import BertConfig
from bertwright.model.losses import classification_loss
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.strict_json import load

HIDDEN_ACTS = {"act_relu": "relu", "act_tanh": "tanh", "act_linear": "linear"}
ALL_MASKED_TOLERANCE = 5e-3
"""There the original adds -10000 to every score, and rounding near 10000 is what is compared."""


@pytest.fixture(scope="module")
def model_a() -> BertForPreTraining:
    return open_model(shared_path("golden/model/a")).pretraining_model()


@pytest.fixture(scope="module")
def inputs_a() -> dict[str, Tensor]:
    return arrays(shared_path("golden/model/a/inputs.npz"))


@pytest.fixture(scope="module")
def model_b(tmp_path_factory: pytest.TempPathFactory) -> BertForPreTraining:
    """The checkpoint of ``b`` is packed and has no vocabulary beside it."""
    folder = tmp_path_factory.mktemp("b")
    with tarfile.open(shared_path("golden/model/b/checkpoint.tar.xz")) as archive:
        # Python before 3.11.4 has no filter
        safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(folder, **safely)
    source = shared_path("golden/model/b/bert_config.json")
    config = BertConfig.from_tensorflow(load(source), source)
    bundle = TensorBundle(folder / "model.ckpt")
    weights = from_tensorflow(bundle.entries, bundle.read, config, bundle.index, allow_nonfinite=False)
    model = BertForPreTraining(config, seed=None)
    model.load_state_dict(weights.tensors, assign=True)
    return model.eval()


def test_a_agrees_in_every_output(model_a: BertForPreTraining, inputs_a: Mapping[str, Tensor]) -> None:
    ours, golden = answers(model_a, inputs_a), arrays(shared_path("golden/model/a/outputs.npz"))
    assert furthest(ours.hidden_states[0], golden["embedding_output"]) < TOLERANCE
    assert furthest(torch.stack(ours.hidden_states[1:]), golden["all_encoder_layers"]) < TOLERANCE
    assert furthest(ours.pooled_output, golden["pooled_output"]) < TOLERANCE
    assert furthest(ours.mlm_log_probs, golden["masked_lm_log_probs"]) < TOLERANCE
    assert furthest(ours.nsp_log_probs, golden["next_sentence_log_probs"]) < TOLERANCE
    assert furthest(ours.mlm_loss, golden["masked_lm_loss"]) < TOLERANCE
    assert furthest(ours.nsp_loss, golden["next_sentence_loss"]) < TOLERANCE
    assert furthest(ours.total_loss, golden["total_loss"]) < TOLERANCE


def test_a_agrees_in_every_gradient(model_a: BertForPreTraining, inputs_a: Mapping[str, Tensor]) -> None:
    ours, golden = gradients(model_a, inputs_a), arrays(shared_path("golden/model/a/gradients.npz"))
    assert set(ours) == set(golden)
    assert len(golden) == 62
    worst = {name: furthest(ours[name], golden[name]) for name in golden}
    assert max(worst.values()) < TOLERANCE, max(worst, key=worst.__getitem__)


@pytest.mark.parametrize(
    "case",
    [*HIDDEN_ACTS, "no_mask_no_types", "one_hot", "full_length", "no_masked_tokens", "row_1_all_masked"],
)
def test_extra_cases_of_a(case: str, model_a: BertForPreTraining, inputs_a: Mapping[str, Tensor]) -> None:
    extra = arrays(shared_path("golden/model/a/extra_cases.npz"))
    golden = {name.split("/")[1]: value for name, value in extra.items() if name.startswith(f"{case}/")}
    inputs, model = dict(inputs_a), model_a
    if case in HIDDEN_ACTS:
        config = BertConfig.model_validate(model_a.config.to_dict() | {"hidden_act": HIDDEN_ACTS[case]})
        model = BertForPreTraining(config).eval()
        model.load_state_dict(model_a.state_dict())
    elif case == "no_mask_no_types":
        del inputs["input_mask"], inputs["token_type_ids"]
    elif case == "full_length":
        start = "full_length/inputs/"
        inputs = {name.removeprefix(start): v for name, v in extra.items() if name.startswith(start)}
    elif case == "no_masked_tokens":
        inputs["masked_lm_weights"] = torch.zeros_like(inputs["masked_lm_weights"])
    elif case == "row_1_all_masked":
        inputs["input_mask"] = inputs["input_mask"].clone()
        inputs["input_mask"][1] = 0
    ours = answers(model, inputs)
    layers, pooled = torch.stack(ours.hidden_states[1:]), ours.pooled_output
    theirs, theirs_pooled = golden["all_encoder_layers"], golden["pooled_output"]
    loss_tolerance = TOLERANCE
    if case == "row_1_all_masked":
        assert furthest(layers[:, 1], theirs[:, 1]) < ALL_MASKED_TOLERANCE
        rest = [0, 2, 3, 4, 5]
        layers, theirs, pooled, theirs_pooled = (
            layers[:, rest],
            theirs[:, rest],
            pooled[rest],
            theirs_pooled[rest],
        )
        loss_tolerance = ALL_MASKED_TOLERANCE
    assert furthest(layers, theirs) < TOLERANCE
    assert furthest(pooled, theirs_pooled) < TOLERANCE
    assert furthest(ours.mlm_loss, golden["masked_lm_loss"]) < loss_tolerance
    assert furthest(ours.nsp_loss, golden["next_sentence_loss"]) < loss_tolerance
    assert furthest(ours.total_loss, golden["total_loss"]) < loss_tolerance


def test_b_agrees_on_real_english(model_b: BertForPreTraining) -> None:
    golden = arrays(shared_path("golden/model/b/outputs.npz"))
    with torch.no_grad():
        ours = answers(model_b, arrays(shared_path("golden/model/b/inputs.npz")))
    top = ours.mlm_log_probs.gather(1, golden["masked_lm_top20_ids"].long())
    assert furthest(ours.hidden_states[0], golden["embedding_output"]) < TOLERANCE
    assert furthest(torch.stack(ours.hidden_states[1:]), golden["all_encoder_layers"]) < TOLERANCE
    assert furthest(ours.pooled_output, golden["pooled_output"]) < TOLERANCE
    assert furthest(top, golden["masked_lm_top20_log_probs"]) < TOLERANCE
    rows = golden["masked_lm_full_rows"].long()
    assert furthest(ours.mlm_log_probs[rows], golden["masked_lm_full_log_probs"]) < TOLERANCE
    assert furthest(ours.nsp_log_probs, golden["next_sentence_log_probs"]) < TOLERANCE
    assert furthest(ours.total_loss, golden["total_loss"]) < TOLERANCE


def test_b_agrees_in_gradients(model_b: BertForPreTraining) -> None:
    golden = arrays(shared_path("golden/model/b/gradients.npz"))
    ours = gradients(model_b, arrays(shared_path("golden/model/b/inputs.npz")))
    whole = [name for name in golden if name in ours]
    norms = [name for name in golden if name.startswith("norm/")]
    assert (len(whole), len(norms)) == (10, 46)
    for name in whole:
        assert furthest(ours[name], golden[name]) < TOLERANCE, name
    rows = ours["bert/embeddings/word_embeddings"][golden["word_embeddings_rows"].long()]
    assert furthest(rows, golden["word_embeddings_grad_rows"]) < TOLERANCE
    for name in norms:
        norm = ours[name.removeprefix("norm/")].double().norm()
        assert furthest(norm, golden[name]) < TOLERANCE, name


@pytest.mark.parametrize(("step", "variables"), [(0, "variables_initial"), (12, "variables_final")])
def test_c_starts_and_ends_where_the_original_does(step: int, variables: str) -> None:
    """Both checkpoints of ``c`` open, by the path of one of them, and hold the stored variables."""
    golden = arrays(shared_path(f"golden/model/c/{variables}.npz"))
    bundle = TensorBundle(shared_path("golden/model/c") / f"model.ckpt-{step}")
    assert len(bundle.entries) == 235  # 78 variables, two slots each, and the step
    assert int(bundle.read("global_step")) == step
    for name, value in golden.items():
        assert torch.equal(bundle.read(name), value), name


def test_c_gives_the_losses_of_the_first_step() -> None:
    folder = shared_path("golden/model/c")
    model = open_model(folder / "model.ckpt-0").pretraining_model()
    batch = {name: value[0] for name, value in arrays(folder / "batches.npz").items()}
    with torch.no_grad():
        ours = answers(model, batch)
    total, mlm, nsp, norm = load(folder / "trajectory.json")["per_step"][0]
    assert float(ours.total_loss) == pytest.approx(total, abs=TOLERANCE)
    assert float(ours.mlm_loss) == pytest.approx(mlm, abs=TOLERANCE)
    assert float(ours.nsp_loss) == pytest.approx(nsp, abs=TOLERANCE)
    whole = sum(float(gradient.double().square().sum()) for gradient in gradients(model, batch).values())
    assert whole**0.5 == pytest.approx(norm, abs=TOLERANCE)


def test_classifier_agrees(model_a: BertForPreTraining) -> None:
    folder = Path(shared_path("golden/model/classifier"))
    head, golden = arrays(folder / "head_initial.npz"), arrays(folder / "outputs_batch0.npz")
    batch = {name: value[0].long() for name, value in arrays(folder / "batches.npz").items()}
    model = SequenceClassifier(model_a.config, 3, encoder=model_a.encoder).eval()
    model.head.output.load_state_dict({"weight": head["output_weights"], "bias": head["output_bias"]})
    logits = model(batch["input_ids"], batch["token_type_ids"], batch["input_mask"])
    assert furthest(logits, golden["logits"]) < TOLERANCE
    assert furthest(logits.softmax(-1), golden["probabilities"]) < TOLERANCE
    assert furthest(classification_loss(logits, batch["label_ids"]), golden["loss"]) < TOLERANCE
