"""Choices of the recipe: rates and freezing by layer, dropout, class weights, early end, searches."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from heard import Heard

from bertwright.checkpoints.model_folder import open_model
from bertwright.errors import NonFiniteError, SettingsError
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.config import BertConfig
from bertwright.model.losses import classification_loss
from bertwright.tasks import attempt
from bertwright.tasks.classify.weighting import class_weights
from bertwright.tasks.depth import depth_of, freeze_lowest
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import WITHOUT_FEATURES, FinetuneSettings, SearchSettings
from bertwright.tasks.summary import Spread
from bertwright.training.optimizer import Optimizer
from bertwright.training.optimizers import build_optimizer, parameter_groups

Files = tuple[Path, Path]
CONFIG = BertConfig(
    vocab_size=11, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=12
)
QUICK = FinetuneSettings(epochs=2, batch_size=32, learning_rate=2e-3, max_length=16, precision="fp32")


def test_depth() -> None:
    model = SequenceClassifier(CONFIG, 2)
    depths = {name: depth_of(name, 3) for name, _ in model.named_parameters()}
    assert depths["head.output.weight"] == depths["encoder.pooler.dense.bias"] == 0
    assert depths["encoder.layers.2.output.weight"] == 1
    assert depths["encoder.layers.0.attention.query_key_value.bias"] == 3
    assert {d for name, d in depths.items() if name.startswith("encoder.embeddings.")} == {4}


def test_rates_fall_from_layer_to_layer() -> None:
    model = SequenceClassifier(CONFIG, 2)
    groups = parameter_groups(model, 0.01, lambda name: 0.5 ** depth_of(name, 3))
    factors = {id(p): group["rate_factor"] for group in groups for p in group["params"]}
    assert len(factors) == len(list(model.parameters()))
    named = dict(model.named_parameters())
    assert factors[id(named["head.output.weight"])] == 1
    assert factors[id(named["encoder.layers.2.output.bias"])] == 0.5
    assert factors[id(named["encoder.layers.0.output.bias"])] == 0.125
    assert factors[id(named["encoder.embeddings.word_embeddings.weight"])] == 0.0625


@pytest.mark.parametrize("layers,trained", [(1, {"1", "2"}), (3, set())])
def test_lowest_layers_are_frozen(layers: int, trained: set[str]) -> None:
    model = SequenceClassifier(CONFIG, 2)
    freeze_lowest(model, layers, 3)
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert {name.split(".")[2] for name in names if name.startswith("encoder.layers.")} == trained
    assert not any(name.startswith("encoder.embeddings.") for name in names)
    assert "head.output.weight" in names


def test_frozen_layers_keep_their_weights(pretrained: Path, review_files: Files, tmp_path: Path) -> None:
    train, dev = review_files
    settings = QUICK.model_copy(update={"freeze_layers": 1, "layer_decay": 0.9})
    summary = finetune(pretrained, train=train, dev=dev, output=tmp_path / "out", settings=settings)
    before, after = open_model(pretrained).weights.tensors, open_model(summary.output).weights.tensors
    changed = {name for name in after if name in before and not torch.equal(before[name], after[name])}
    assert changed == {"encoder.pooler.dense.weight", "encoder.pooler.dense.bias"}


def test_dropout_is_part_of_the_saved_model(pretrained: Path, review_files: Files, tmp_path: Path) -> None:
    train, dev = review_files
    settings = QUICK.model_copy(update={"dropout": 0.25, "epochs": 1})
    finetune(pretrained, train=train, dev=dev, output=tmp_path / "out", settings=settings)
    config = open_model(tmp_path / "out").config
    assert config.hidden_dropout_prob == config.attention_probs_dropout_prob == 0.25
    assert open_model(pretrained).config.hidden_dropout_prob == 0.1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, 1e-6), ({"adam_epsilon": 1e-8}, 1e-8), ({"optimizer": "bert-adam", "adam_epsilon": 1e-3}, 1e-3)],
)
def test_epsilon_reaches_the_optimizer(
    changes: dict[str, Any],
    expected: float,
    pretrained: Path,
    review_files: Files,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[Optimizer] = []

    def build(*arguments: Any, **options: Any) -> Optimizer:
        built.append(build_optimizer(*arguments, **options))
        return built[-1]

    monkeypatch.setattr(attempt, "build_optimizer", build)
    train, dev = review_files
    settings = QUICK.model_copy(update={"epochs": 1, **changes})
    finetune(pretrained, train=train, dev=dev, output=tmp_path / "out", settings=settings)
    assert {group["eps"] for optimizer in built for group in optimizer.param_groups} == {expected}


def test_balanced_weights_by_hand() -> None:
    targets = ["a"] * 6 + ["b"] * 2
    assert class_weights("balanced", ("a", "b"), targets) == (8 / 12, 8 / 4)
    sklearn = pytest.importorskip("sklearn.utils.class_weight")
    theirs = sklearn.compute_class_weight("balanced", classes=np.array(["a", "b"]), y=targets)
    assert class_weights("balanced", ("a", "b"), targets) == pytest.approx(tuple(theirs))
    assert class_weights({"b": 3.0}, ("a", "b"), targets) == (1.0, 3.0)
    assert class_weights(None, ("a", "b"), targets) is None
    with pytest.raises(SettingsError, match=r"one of the labels, got good \(did you mean goods\?\)"):
        class_weights({"good": 1.0}, ("bads", "goods"), targets)


def test_weighted_loss_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, math.log(3)]])
    labels = torch.tensor([0, 1])
    expected = (1 * math.log(2) + 4 * math.log(4 / 3)) / 5
    assert float(classification_loss(logits, labels, weights=(1.0, 4.0))) == pytest.approx(expected)
    assert float(classification_loss(logits, labels, weights=(1.0, 1.0))) == pytest.approx(
        float(classification_loss(logits, labels))
    )


def test_a_heavy_class_is_given_more_often(pretrained: Path, review_files: Files, tmp_path: Path) -> None:
    train, dev = review_files
    recalls = []
    for number, weights in enumerate(({"good": 30.0}, {"bad": 30.0})):
        settings = QUICK.model_copy(update={"class_weights": weights, "restarts": 0, "epochs": 1})
        output = tmp_path / str(number)
        summary = finetune(pretrained, train=train, dev=dev, output=output, settings=settings)
        recalls.append(summary.metrics["recall"])
    assert recalls[0] > recalls[1]


def test_it_ends_early(pretrained: Path, review_files: Files, tmp_path: Path) -> None:
    train, dev = review_files
    settings = QUICK.model_copy(
        update={"patience": 2, "epochs": 50, "evaluations_per_epoch": 2, "learning_rate": 3e-3}
    )
    summary = finetune(pretrained, train=train, dev=dev, output=tmp_path / "out", settings=settings)
    scored = summary.best.epochs
    assert 3 <= len(scored) < 100
    best = max(range(len(scored)), key=lambda n: (scored[n]["accuracy"], -scored[n]["loss"]))
    assert len(scored) - 1 - best == 2
    assert summary.best.epoch == (best + 1) / 2


def test_a_diverging_point_is_named_and_left_out(
    pretrained: Path, review_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bertwright.tasks import jobs

    whole = jobs.run_seed

    def run_seed(materials, seed, description, progress, folder):  # type: ignore[no-untyped-def]
        if materials.settings.learning_rate == 1e-3:
            raise NonFiniteError("step 3: loss nan")
        return whole(materials, seed, description, progress, folder)

    monkeypatch.setattr(jobs, "run_seed", run_seed)
    train, dev = review_files
    grid = SearchSettings(learning_rates=[1e-3, 2e-3], batch_sizes=[32], epochs=[1])
    notes = Heard()
    request = {"train": train, "dev": dev, "search": True, "progress": notes}
    settings = QUICK.model_copy(update={"search": grid})
    summary = finetune(pretrained, output=tmp_path / "out", settings=settings, seeds=[0, 1, 2], **request)
    assert [point.run is None for point in summary.points] == [True, False]
    assert [run.seed for run in summary.runs] == [0, 1, 2]
    assert summary.to_dict()["spread_seeds"] == [1, 2]  # seed 0 was chosen for its figures
    others = [run.metrics["loss"] for run in summary.runs[1:]]
    assert summary.spread["loss"] == Spread.of(others) and summary.spread["loss"].mean == sum(others) / 2
    assert summary.to_dict()["search"][0]["metrics"] is None
    assert summary.learning_rate == 2e-3
    assert any("learning_rate 0.001" in line and "loss nan" in line for line in notes.said)
    only = QUICK.model_copy(update={"search": grid.model_copy(update={"learning_rates": [1e-3]})})
    with pytest.raises(NonFiniteError, match="no point of the search"):
        finetune(pretrained, output=tmp_path / "none", settings=only, **request)


def test_the_papers_grid() -> None:
    wide = CONFIG.model_copy(update={"hidden_size": 768})
    grid = FinetuneSettings().grid_for(wide)
    assert len(grid) == 24
    assert {point.learning_rate for point in grid} == {5e-5, 4e-5, 3e-5, 2e-5}
    assert {point.batch_size for point in grid} == {16, 32}
    assert {point.epochs for point in grid} == {2, 3, 4}
    assert max(point.learning_rate or 0 for point in FinetuneSettings().grid_for(CONFIG)) == 3e-4


def test_what_is_asked_for_is_no_part_of_the_grid() -> None:
    grid = FinetuneSettings(epochs=7, learning_rate=1e-5).grid_for(CONFIG)
    assert {(point.epochs, point.batch_size, point.learning_rate) for point in grid} == {
        (7, 16, 1e-5),
        (7, 32, 1e-5),
    }
    search = SearchSettings(batch_sizes=[8])
    grid = FinetuneSettings(batch_size=64, search=search).grid_for(CONFIG)
    assert {point.batch_size for point in grid} == {8}  # a list says more
    frozen = FinetuneSettings(freeze=True).grid_for(CONFIG)
    assert {point.learning_rate for point in frozen} == {3e-3, 1e-3, 3e-4, 1e-4}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": 5}, "epochs: expected nothing with the method features .say features.epochs"),
        ({"learning_rate": 1e-4}, "learning_rate: .*say features.learning_rate"),
        ({"from_scratch": True}, "from_scratch: .*it is for fine-tuning"),
        ({"freeze": True}, "freeze: .*it is for fine-tuning"),
        ({"micro_batch_size": 4}, "micro_batch_size: .*it is for fine-tuning"),
        ({"epochs": 3}, "epochs: .*say features.epochs"),  # fine-tuning's own default
        ({"weight_decay": 0.0}, "weight_decay: .*say features.weight_decay"),
        ({"freeze_layers": 0}, "freeze_layers: .*it is for fine-tuning"),
        ({"restarts": 5}, "restarts: .*it is for fine-tuning"),
    ],
)
def test_the_method_features_passes_over_nothing(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FinetuneSettings.model_validate({"method": "features", **given})
    asks_for_nothing = {"learning_rate": None, "from_scratch": False, "freeze": False, "metric": "f1"}
    FinetuneSettings.model_validate({"method": "features", **asks_for_nothing})


def test_every_setting_is_for_one_method_or_for_both() -> None:
    """A new one has to be put into the list, or to mean something on frozen vectors."""
    both = {"rows", "max_length", "class_weights", "device", "metric", "checkpoint_interval"}
    tables = {"search", "features", "answer", "classify", "choose", "regress", "tag"}
    assert both | tables | {"method"} | set(WITHOUT_FEATURES) == set(FinetuneSettings.model_fields)
    assert not both & set(WITHOUT_FEATURES)


def test_more_frozen_layers_than_there_are(pretrained: Path, review_files: Files, tmp_path: Path) -> None:
    train, dev = review_files
    settings = QUICK.model_copy(update={"freeze_layers": 2})
    with pytest.raises(SettingsError, match="freeze_layers: expected at most 1, the model's layers, got 2"):
        finetune(pretrained, train=train, dev=dev, output=tmp_path / "out", settings=settings)


def test_a_batch_in_parts_gives_the_same_update(
    pretrained: Path, review_files: Files, tmp_path: Path
) -> None:
    train, dev = review_files
    found = []
    for size in (None, 5, 32):
        values = {"micro_batch_size": size, "dropout": 0.0, "class_weights": {"good": 3.0}}
        output = tmp_path / f"parts-{size}"
        settings = QUICK.model_copy(update=values)
        finetune(pretrained, train=train, dev=dev, output=output, settings=settings)
        found.append(open_model(output).task_model(SequenceClassifier).state_dict())
    whole, parts, one = found
    for name, weights in whole.items():
        assert torch.equal(weights, one[name]), name
        torch.testing.assert_close(parts[name], weights, atol=2e-4, rtol=1e-3)
    assert not all(torch.equal(weights, parts[name]) for name, weights in whole.items())
