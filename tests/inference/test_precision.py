"""In which numbers ``embed`` and ``predict`` multiply: who chooses, and how far the answers move."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from shared import published_model, shared_path
from small_models import save_bilm, save_topped

from bertwright.errors import Interrupted, ResumeError, UsageError
from bertwright.exchange.conversion import convert
from bertwright.inference.embedding_file import embed_file
from bertwright.inference.model import load
from bertwright.tasks.precision import PrecisionName
from bertwright.training.precision import resolve

TEXTS = ["the sea was dark", "", "good", "the night " * 30, "he walked to the door and opened it"]


def sentences(count: int) -> list[str]:
    lines = shared_path("data/glue/STS-B/dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    texts = sorted({line.split("\t")[7] for line in lines})
    return texts[:: len(texts) // count][:count]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_auto_is_what_training_takes(
    device: str, pretrained_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if device == "cuda":
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    model = load(pretrained_folder, device=device, precision="auto")
    assert model.precision == resolve("auto", torch.device(device))


@pytest.mark.parametrize(("units", "expected"), [(True, "bf16"), (False, "fp32")])
def test_auto_asks_for_matrix_units(
    units: bool, expected: str, pretrained_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags: Callable[[], dict[str, bool]] = lambda: {"amx_bf16": units, "avx512_bf16": True}  # noqa: E731
    monkeypatch.setattr(torch.cpu, "get_capabilities", flags)
    assert load(pretrained_folder, device="cpu", precision="auto").precision == expected
    assert load(pretrained_folder, device="cpu").precision == "fp32"  # nothing was asked for


def test_asked_for_it_is_computed_so(pretrained_folder: Path) -> None:
    exact = load(pretrained_folder, device="cpu")
    rounded = load(pretrained_folder, device="cpu", precision="bf16")
    one, other = exact.embed(TEXTS, normalize=True), rounded.embed(TEXTS, normalize=True)
    assert (one * other).sum(axis=1).min() > 0.99  # random weights, which are large
    assert not np.array_equal(one, other)
    assert np.array_equal(
        one, load(pretrained_folder, device="cpu", precision="fp32").embed(TEXTS, normalize=True)
    )
    # what is not embed or predict stays exact
    assert rounded.fill_mask("the [MASK] was dark") == exact.fill_mask("the [MASK] was dark")


def test_a_model_travels_with_its_precision(pretrained_folder: Path) -> None:
    model = load(pretrained_folder, device="cpu", precision="bf16")
    again = pickle.loads(pickle.dumps(model))
    assert again.precision == "bf16"
    assert np.array_equal(again.embed(TEXTS), model.embed(TEXTS))


@pytest.mark.parametrize(("precision", "equal"), [("bf16", 115), ("int8", 108)])
def test_labels_of_a_classifier(
    precision: PrecisionName, equal: int, classifier_folder: Path, tmp_path: Path
) -> None:
    words = ["the", "film", "was", "good", "bad", "dull", "great", "old", "dark", "short", "long"]
    texts = [f"{first} {second} story" for first in words for second in words]
    for folder in (classifier_folder, save_topped(tmp_path / "topped")):
        exact = load(folder, device="cpu").predict(texts)
        rounded = load(folder, device="cpu", precision=precision).predict(texts)
        same = [a.to_dict()["label"] == b.to_dict()["label"] for a, b in zip(exact, rounded, strict=True)]
        assert len(same) == 121
        assert sum(same) >= equal, folder


def test_int8_is_for_processors_and_never_chosen(
    pretrained_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(pretrained_folder, device="cpu", precision="auto").precision != "int8"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(UsageError, match="precision: expected fp32 or bf16 on cuda, got int8"):
        load(pretrained_folder, device="cuda", precision="int8")


def test_int8_vectors_do_not_depend_on_other_texts(pretrained_folder: Path) -> None:
    model = load(pretrained_folder, device="cpu", precision="int8")
    together = model.embed(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(model.embed([text])[0], vector, rtol=0, atol=2e-6)  # the order of a mean
    again = pickle.loads(pickle.dumps(model))
    assert again.precision == "int8"
    assert np.array_equal(again.embed(TEXTS), together)


def test_what_has_one_precision_refuses_others(pretrained_folder: Path, tmp_path: Path) -> None:
    convert(pretrained_folder, tmp_path / "int8", to="onnx", options={"int8": True})
    for folder, stored in ((save_bilm(tmp_path / "lstms"), "fp32"), (tmp_path / "int8", "int8")):
        assert load(folder, device="cpu").precision == stored
        assert load(folder, device="cpu", precision="auto").precision == stored
        with pytest.raises(UsageError, match=f'precision: expected {stored}, as .*, got "bf16"'):
            load(folder, device="cpu", precision="bf16")


def test_no_such_precision(pretrained_folder: Path) -> None:
    with pytest.raises(UsageError, match="precision: expected auto, fp32"):
        load(pretrained_folder, precision="fp64")  # type: ignore[arg-type]


def test_work_in_one_precision_is_not_gone_on_with_in_another(
    pretrained_folder: Path, tmp_path: Path
) -> None:
    file, output = tmp_path / "texts.txt", tmp_path / "vectors.npy"
    file.write_text("\n".join(TEXTS) + "\n")
    exact, rounded = (load(pretrained_folder, device="cpu", precision=name) for name in ("fp32", "bf16"))

    answer, blocks = exact.embed_texts, iter([True, False])

    def stopped(*given: Any, **named: Any) -> Any:
        if not next(blocks):
            raise KeyboardInterrupt
        return answer(*given, **named)

    exact.embed_texts = stopped  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        embed_file(exact, file, output, rows_per_block=2)
    with pytest.raises(ResumeError, match="precision"):
        embed_file(rounded, file, output, rows_per_block=2, resume=True)


@pytest.mark.parametrize(("precision", "least"), [("bf16", 0.9995), ("int8", 0.98)])
def test_sentences_of_sts_b(precision: PrecisionName, least: float) -> None:
    texts = sentences(60)
    assert len(texts) == 60
    exact = load(published_model(), device="cpu").embed(texts)
    rounded = load(published_model(), device="cpu", precision=precision).embed(texts)
    assert (exact * rounded).sum(axis=1).min() > least


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_all_of_sts_b(precision: PrecisionName) -> None:
    lines = shared_path("data/glue/STS-B/dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    assert len(rows) == 1500
    found = {}
    for name in ("fp32", precision):
        model = load(published_model(), device="cpu", precision=name)
        one, other = (model.embed([row[at] for row in rows]) for at in (7, 8))
        found[name] = spearmanr((one * other).sum(axis=1), [float(row[9]) for row in rows]).statistic
    assert abs(found[precision] - found["fp32"]) < 0.005, found
