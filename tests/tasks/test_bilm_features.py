"""An ELMo-like language model as features: saved, evaluated, gone on with exactly; and never fine-tuned."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tasks.conftest import TOKENS
from tasks.test_features_resumed import run, same
from tasks.test_finetuning_resumed import StopAfter, told

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.comparison.tables.pretraining import AS_ELMO
from bertwright.config.settings import load as load_settings
from bertwright.errors import Interrupted, ModelError
from bertwright.inference.model import load
from bertwright.model.bilm import BilmForPreTraining
from bertwright.model.bilm_config import BilmConfig
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.feature_model import FrozenModel
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.kinds import open_task
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.stored_model import stored_model
from bertwright.tokenization import Tokenizer

Files = tuple[Path, Path]
CHANGES = {"features.epochs": 3, "features.lstm_size": 8, "max_length": 16, "checkpoint_interval": 1e-9}
SETTINGS = load_settings(
    FinetuneSettings,
    overrides={
        "method": "features",
        **{f"features.{k}": v for k, v in AS_ELMO["features"].items()},
        **CHANGES,
    },  # type: ignore[attr-defined]
).value


@pytest.fixture(scope="module")
def bilm(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> Path:
    config = BilmConfig(
        vocab_size=len(TOKENS),
        hidden_size=32,
        intermediate_size=24,
        max_position_embeddings=40,
        initializer_range=0.3,
    )
    path = tmp_path_factory.mktemp("bilm") / "model"
    save_model(path, BilmForPreTraining(config, seed=3), tokenizer, task=None, provenance={})
    return path


def test_a_mix_of_three_layers_under_a_new_bilstm(bilm: Path, review_files: Files, tmp_path: Path) -> None:
    summary = run(bilm, review_files, tmp_path / "model", settings=SETTINGS)
    folder = open_model(tmp_path / "model")
    assert folder.architecture == "BilmModel"
    before = open_model(bilm).encoder().state_dict()
    assert all(torch.equal(t, before[name]) for name, t in folder.encoder().state_dict().items())
    network = stored_model(open_task(folder), folder)
    assert isinstance(network, FrozenModel)
    assert network.description["layers"] == [0, 1, 2]
    mix = network.small.mix
    assert mix is not None and mix.weights.shape == (3,)
    assert bool(mix.weights.any()) and float(mix.gamma.detach()) != 1.0
    result = evaluate(tmp_path / "model", review_files[1])
    for name, value in summary.metrics.items():
        assert result.metrics[name] == pytest.approx(value, abs=1e-4), name
    assert len(load(tmp_path / "model").predict(["a fine film", "a dull plot"])) == 2


@pytest.mark.parametrize("steps", [1, 9, 25])
def test_gone_on_with_it_is_the_unbroken_one(
    steps: int, bilm: Path, review_files: Files, tmp_path: Path
) -> None:
    unbroken = run(bilm, review_files, tmp_path / "unbroken", settings=SETTINGS)
    with pytest.raises(Interrupted):
        run(bilm, review_files, tmp_path / "model", settings=SETTINGS, progress=StopAfter(steps))
    summary = run(bilm, review_files, tmp_path / "model", settings=SETTINGS, resume=True)
    assert same(tmp_path / "model", tmp_path / "unbroken") and told(summary) == told(unbroken)


@pytest.mark.parametrize("top", ["none", "bilstm"])
def test_it_is_not_fine_tuned(top: str, bilm: Path, review_files: Files, tmp_path: Path) -> None:
    train, dev = review_files
    settings = load_settings(FinetuneSettings, overrides={"top": top}).value
    with pytest.raises(ModelError, match=r"a Transformer to fine-tune, got .*--method features"):
        finetune(bilm, train=train, dev=dev, output=tmp_path / "model", settings=settings)
    assert not list(tmp_path.iterdir())
