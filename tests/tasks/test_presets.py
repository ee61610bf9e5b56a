"""Published tasks by name: what each stands for, and that the files it is published with are read by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import shared_path

from bertwright.errors import UsageError
from bertwright.tables.columns import Columns
from bertwright.tasks.classify.task import ClassifyTask
from bertwright.tasks.kinds import KINDS, task_kind
from bertwright.tasks.presets import PRESETS, preset_of
from bertwright.tasks.regress.settings import RegressSettings
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tokenization import Tokenizer

GLUE = ("CoLA", "SST-2", "MRPC", "STS-B", "QQP", "QNLI", "RTE", "WNLI")


@given(st.sampled_from(PRESETS), st.sampled_from([str.lower, str.upper, str.swapcase]), st.booleans())
def test_letters_and_hyphens_do_not_matter(preset, change, bare) -> None:  # type: ignore[no-untyped-def]
    name = change(preset.name)
    assert preset_of(name.replace("-", "") if bare else name) is preset


def test_other_names() -> None:
    for name, meant in (("squad", "SQuAD-v1.1"), ("SQuAD v2", "SQuAD-v2.0"), ("conll2003", "CoNLL-2003")):
        assert preset_of(name).name == meant
    for kind in KINDS:
        preset = preset_of(kind)
        assert (preset.name, preset.kind, preset.metric) == ("", kind, None)


@pytest.mark.parametrize(
    ("name", "meant"), [("MRCP", "MRPC"), ("clasify", "classify"), ("sts-c", "STS-B"), ("MNLLI", "MNLI")]
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(
        UsageError, match=rf"expected a task among classify.* got '{name}' \(did you mean {meant}"
    ):
        preset_of(name)


@pytest.mark.parametrize("name", ["train.tsv", "dev.tsv"])
def test_labelled_files_of_cola_can_be_answered(name: str, tmp_path: Path) -> None:
    cola = preset_of("CoLA")
    assert cola.unlabelled_columns(shared_path(f"data/glue/CoLA/{name}")) == Columns()
    (tmp_path / "test.tsv").write_text("index\tsentence\n0\tThe sea.\n")
    assert cola.unlabelled_columns(tmp_path / "test.tsv") == Columns("sentence")


def test_options_come_first() -> None:
    preset = preset_of("mrpc")
    assert preset.columns_for(Columns()) == Columns("#1 String", "#2 String", "Quality")
    assert preset.columns_for(Columns("a", "b")) == Columns("a", "b", "Quality")
    assert preset.settings_for(FinetuneSettings()).metric == "accuracy_and_f1"
    assert preset.settings_for(FinetuneSettings(metric="f1")).metric == "f1"


def test_the_range_of_scores() -> None:
    preset = preset_of("STS-B")
    assert preset.settings_for(FinetuneSettings()).regress == RegressSettings(minimum=0, maximum=5)
    half = FinetuneSettings(regress=RegressSettings(maximum=4))
    assert preset.settings_for(half).regress == RegressSettings(minimum=0, maximum=4)
    other = FinetuneSettings(regress=RegressSettings(minimum=7))  # its half of no range that the preset has
    assert preset.settings_for(other).regress == RegressSettings(minimum=7)


@pytest.mark.parametrize("name", GLUE)
def test_the_published_files_are_read(name: str, tokenizer: Tokenizer) -> None:
    path = shared_path(f"data/glue/{name}/dev.tsv")
    preset = preset_of(name)
    settings = preset.settings_for(FinetuneSettings())
    posed = task_kind(preset.kind).pose(path, preset.columns, tokenizer, 32, "auto", settings)
    assert posed.remarks == () and posed.train.warnings == _warnings(posed.train.warnings)
    assert preset.metric in posed.task.metric_names
    assert posed.task.columns == preset.columns


def test_the_files_of_conll(tmp_path: Path, tokenizer: Tokenizer) -> None:
    """The four columns of the original, of which the last has the entities; and a reprint with three."""
    preset = preset_of("CoNLL-2003")
    settings = preset.settings_for(FinetuneSettings())
    original = tmp_path / "eng.train"
    original.write_text(
        "-DOCSTART- -X- -X- O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\n\nPeter NNP I-NP I-PER\n. . O O\n"
    )
    cls = task_kind(preset.kind)
    posed = cls.pose(original, preset.columns_for(Columns()), tokenizer, 32, "auto", settings)
    assert posed.task.columns == Columns("1", None, "4") and posed.task.labels == ("I-ORG", "I-PER", "O")
    assert [one.tags for one in posed.task.read(original).examples] == [("I-ORG", "O"), ("I-PER", "O")]
    other = cls.pose(original, preset.columns_for(Columns(None, None, "3")), tokenizer, 32, "auto", settings)
    assert other.task.labels == ("I-NP", "I-VP", "O")
    reprint = shared_path("data/conll2003/valid.txt")
    assert cls.pose(reprint, preset.columns, tokenizer, 32, "auto", settings).task.columns.label == "2"


def _warnings(found: tuple[str, ...]) -> tuple[str, ...]:
    """Those about rows of the published data themselves, not about how they were read."""
    return tuple(line for line in found if "different labels" in line or "equal texts" in line)


def test_the_files_of_mnli(tmp_path: Path, tokenizer: Tokenizer) -> None:
    header = "index\tpairID\tgenre\tsentence1_parse\tsentence1\tsentence2\tlabel1\tgold_label"
    labels = ("neutral", "entailment", "contradiction")
    rows = [f'{n}\t1\tg\tp\tthe "film\tthe plot {n}\tentailment\t{label}' for n, label in enumerate(labels)]
    (tmp_path / "train.tsv").write_text("\n".join([header, *rows]) + "\n")
    preset = preset_of("mnli")
    posed = ClassifyTask.pose(
        tmp_path / "train.tsv", preset.columns, tokenizer, 32, "auto", preset.settings_for(FinetuneSettings())
    )
    assert posed.task.labels == ("contradiction", "entailment", "neutral")
    assert [row.target for row in posed.train.examples] == list(labels)
    assert preset_of("AX").columns == preset.columns
