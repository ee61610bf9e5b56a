"""The rows of every table: the paper's, in the user's proportions; and every mistake in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from comparison.small_comparison import settings, tags, values, write_files
from heard import Heard
from shared import shared_path
from small_models import tokenizer

from bertwright.comparison import paper
from bertwright.comparison.encoders import configurations
from bertwright.comparison.plan import Plan, joined
from bertwright.comparison.planning import Kind, plan_of
from bertwright.comparison.settings import ComparisonSettings
from bertwright.comparison.tasks import require_readable
from bertwright.comparison.text import identity_of
from bertwright.config.settings import load
from bertwright.errors import InputError, SettingsError, UsageError
from bertwright.pretraining.config import PretrainingSettings
from bertwright.progress import Silent
from bertwright.tokenization.tokenizer import Tokenizer

PAPER_SIZES = [(3, 768, 12), (6, 768, 3), (6, 768, 12), (12, 768, 12), (12, 1024, 16), (24, 1024, 16)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files") / "files"
    write_files(folder)
    return folder


def plan(kind: str, files: Path, **changes: Any) -> Plan:
    return plan_of(kind, settings(files, **changes))


def trained(found: Plan) -> dict[str, PretrainingSettings]:
    return {encoder.name: encoder.settings for encoder in found.encoders if encoder.settings is not None}


def test_size_base_gives_the_paper_s_rows(files: Path) -> None:
    small = ("num_hidden_layers", "hidden_size", "num_attention_heads")
    changes = {f"pretraining.{name}": None for name in small} | {"pretraining.size": "base"}
    found = plan("size", files, **changes)
    configs = [one.bert_config(30_522) for one in trained(found).values()]
    shapes = [(one.num_hidden_layers, one.hidden_size, one.num_attention_heads) for one in configs]
    assert shapes == PAPER_SIZES
    assert [one.intermediate_size for one in configs] == [4 * width for _, width, _ in PAPER_SIZES]
    assert [arm.name for arm in found.arms] == list(paper.SIZE.values)


def test_sizes_that_come_out_equal_are_there_once(files: Path) -> None:
    """Of one layer a quarter and a half are one layer."""
    names = [arm.name for arm in plan("size", files).arms]
    assert names == ["quarter-depth", "half-depth-few-heads", "wide", "wide-deep"]


def test_masking_has_the_six_mixes(files: Path) -> None:
    found = plan("masking", files, **tags(files))
    assert [arm.name for arm in found.arms] == list(paper.MASKING.values)
    for name, one in trained(found).items():
        mask, same, other = (int(part) for part in name.split("-"))
        assert (one.mask_share, one.random_share) == (mask / 100, other / 100)
        assert mask + same + other == 100
    assert [column.name for column in found.columns] == ["reviews", "CoNLL-2003", "CoNLL-2003-features"]
    recipe = found.finetuning_of(found.arms[0], found.columns[2])
    assert (recipe.method, recipe.features.layers, recipe.features.epochs) == (
        "features",
        "concat-last-four",
        1,
    )


def test_what_is_odd_about_a_task_is_a_warning(files: Path) -> None:
    """Also for who wants no remarks; the record has the same sentences."""
    found = plan("pretraining", files, **{"tasks.reviews.dev": str(files / "train.tsv")})
    heard = Heard()
    told = require_readable(found, tokenizer(), configurations(found, tokenizer()), heard)
    assert heard.warnings == told
    overlap = "reviews: train.tsv: 64 rows (100.0%) also in train.tsv"
    assert [line for line in told if line.startswith(overlap)]


def test_two_tasks_of_one_file_are_both_read(files: Path) -> None:
    same = {"kind": "classify", "train": str(files / "train.tsv"), "dev": str(files / "dev.tsv")}
    found = plan(
        "pretraining",
        files,
        **{f"tasks.other.{name}": value for name, value in {**same, "label": "team"}.items()},
    )
    with pytest.raises(InputError, match="team"):
        require_readable(found, tokenizer(), configurations(found, tokenizer()), Silent())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"tasks.reviews.finetuning.metric": "f1_macr"},
            "tasks.reviews.finetuning with the row bert: metric: expected one of",
        ),
        (
            {"arms.x.finetuning.freeze_layers": 7},
            "tasks.reviews.finetuning with the row x: freeze_layers: expected at most 1, the model's layers",
        ),
        (
            {"arms.x.pretraining.max_position_embeddings": 16, "finetuning.max_length": 20},
            "tasks.reviews.finetuning with the row x: max_length: expected at most 16",
        ),
    ],
)
def test_a_recipe_that_the_task_or_the_encoder_has_not(
    changes: dict[str, Any], expected: str, files: Path
) -> None:
    found = plan("pretraining", files, **changes)
    with pytest.raises(SettingsError, match=expected):
        require_readable(found, tokenizer(), configurations(found, tokenizer()), Silent())


@pytest.mark.parametrize(("kind", "name"), [("features", "encoder"), ("steps", "bert")])
def test_a_row_that_is_called_as_the_encoder_of_others(kind: str, name: str, files: Path) -> None:
    changes = {f"arms.{name}.model": "/models/mine"}
    with pytest.raises(SettingsError, match=rf"arms\.{name}: expected another name"):
        plan(kind, files, **changes)
    alone = plan(kind, files, **changes, only=[name])
    assert [(one.name, one.model) for one in alone.encoders] == [(name, Path("/models/mine"))]


def test_who_takes_the_place_of_a_row_gives_its_encoder_to_the_same_with_a_bilstm(files: Path) -> None:
    found = plan("pretraining", files, **{"arms.left-to-right.model": "/models/mine"})
    models = {arm.name: found.encoder_of(arm).model for arm in found.arms}
    assert models["left-to-right"] == models["left-to-right-bilstm"] == Path("/models/mine")


def test_features_has_the_rows_of_table_7_on_one_encoder(files: Path) -> None:
    found = plan("features", files, **tags(files))
    assert [arm.name for arm in found.arms] == list(paper.FEATURES.values)
    assert [encoder.name for encoder in found.encoders] == ["encoder"]
    recipes = [found.finetuning_of(arm, found.columns[1]) for arm in found.arms]
    assert [recipe.method for recipe in recipes] == ["finetune"] + ["features"] * 6
    assert [arm.name for arm in found.arms[1:]] == [recipe.features.layers for recipe in recipes[1:]]
    # What is said of fine-tuning is for the first row alone; on features it would be refused.
    assert [recipe.learning_rate for recipe in recipes] == [0.02] + [None] * 6
    assert {recipe.max_length for recipe in recipes} == {16}


def test_steps_are_moments_of_one_run(files: Path) -> None:
    found = plan("steps", files, points=[1.0, 0.25], only=["bert-25", "bert-100"])
    assert [(arm.name, arm.share, arm.against) for arm in found.arms] == [
        ("bert-25", 0.25, "bert-100"),
        ("bert-100", 1.0, None),
    ]
    assert [one.milestones for one in trained(found).values()] == [[0.25]]


def test_pretraining_has_rows_of_table_5(files: Path) -> None:
    """Left-to-right nothing is masked, so what is said of masking is for the others."""
    whole = plan("pretraining", files, **{"pretraining.masked_lm_probability": 0.2})
    found = trained(whole)
    objectives = {name: one.objective for name, one in found.items()}
    assert objectives == {"bert": "mlm+nsp", "no-nsp": "mlm", "left-to-right": "clm", "elmo": "bilm"}
    shares = [one.masked_lm_probability for one in found.values()]
    assert shares == [0.2, 0.2, None, None]
    encoders = [arm.encoder for arm in whole.arms]
    assert encoders == ["bert", "no-nsp", "left-to-right", "left-to-right", "elmo"]
    recipes = [whole.finetuning_of(arm, whole.columns[0]) for arm in whole.arms]
    assert [recipe.top for recipe in recipes] == ["none", "none", "none", "bilstm", "none"]
    assert [recipe.method for recipe in recipes] == [*["finetune"] * 4, "features"]
    assert recipes[-1].features.layers == "weighted-sum-with-embeddings"


def test_lstms_pass_over_what_is_said_of_attention_and_depth(files: Path) -> None:
    """All rows are told it; what a row of LSTMs says itself is done, or refused."""
    told = {"pretraining.num_hidden_layers": 4, "pretraining.num_attention_heads": 4}
    elmo = trained(plan("pretraining", files, **told))["elmo"].bert_config(100)
    assert (elmo.num_hidden_layers, elmo.num_attention_heads, elmo.hidden_size) == (2, 1, 16)
    own = {"objective": "bilm", "num_hidden_layers": 1}
    found = trained(plan("pretraining", files, **told, **{"arms.mine.pretraining": own}))
    assert found["mine"].bert_config(100).num_hidden_layers == 1
    wrong = {"arms.mine.pretraining": {"objective": "bilm", "hidden_act": "relu"}}
    with pytest.raises(SettingsError, match="the row mine: hidden_act: expected none with bilm"):
        plan("pretraining", files, **told, **wrong)


def test_the_moments_of_two_runs(files: Path) -> None:
    """A left-to-right one is compared with the masked one of the same moment."""
    found = plan("steps", files, points=[0.5, 1.0])
    assert [(arm.name, arm.against) for arm in found.arms] == [
        ("bert-50", "bert-100"),
        ("bert-100", None),
        ("left-to-right-50", "bert-50"),
        ("left-to-right-100", "bert-100"),
    ]


def test_recipes_are_joined_from_the_general_to_the_particular(files: Path) -> None:
    changes: dict[str, Any] = {
        "finetuning.epochs": 5,
        "tasks.reviews.finetuning.epochs": 7,
        "tasks.reviews.finetuning.rows": 40,
        "arms.slow.finetuning.learning_rate": 1e-4,
        "only": ["bert", "slow"],
    }
    found = plan("pretraining", files, **changes)
    first, second = (found.finetuning_of(arm, found.columns[0]) for arm in found.arms)
    assert (first.epochs, first.rows, first.learning_rate) == (7, 40, 0.02)
    assert second == first.model_copy(update={"learning_rate": 1e-4})
    assert joined({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"c": 4}, "d": {"e": 5}}) == {
        "a": {"b": 1, "c": 4},
        "d": {"e": 5},
    }


def test_the_metric_is_the_paper_s_unless_another_is_asked_for(files: Path) -> None:
    changes = {f"tasks.MRPC.{part}": str(files / f"{part}.tsv") for part in ("train", "dev")}
    found = plan("pretraining", files, **changes)
    recipe = found.finetuning_of(found.arms[0], found.columns[1])
    assert recipe.metric == "accuracy"
    found = plan("pretraining", files, **changes, **{"tasks.MRPC.finetuning.metric": "f1"})
    assert found.finetuning_of(found.arms[0], found.columns[1]).metric == "f1"


def test_figures_of_the_paper() -> None:
    """Some of each table, and as many as there are columns in every row."""
    tables = (paper.PRETRAINING, paper.SIZE, paper.FEATURES, paper.MASKING)
    assert all(len(row) == len(table.columns) for table in tables for row in table.values.values())
    assert paper.PRETRAINING.value("no-nsp", "QNLI") == 84.9
    assert paper.PRETRAINING.value("left-to-right-bilstm", "SQuAD-v1.1") == 84.9
    assert paper.SIZE.value("base", paper.PERPLEXITY) == 3.99
    assert paper.FEATURES.value("concat-last-four", "CoNLL-2003") == 96.1
    assert paper.MASKING.value("100-0-0", "CoNLL-2003-features") == 94.0
    assert paper.MASKING.value("100-0-0", "reviews") is None
    assert paper.published_name("mrpc") == "MRPC" and paper.published_name("classify") == "classify"


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("pretraining", {"corpus": None}, "corpus, store: expected one of them to pre-train on, got none"),
    ("pretraining", {"store": "store"}, "corpus, store: expected one .* got both"),
    ("pretraining", {"corpus": None, "store": "store", "words": "rjieba"}, "words: expected none with store"),
    ("pretraining", {"pretraining.steps": None}, "pretraining: expected tokens, or one of .* got none"),
    ("pretraining", {"tokens": 100}, "pretraining: expected tokens, or one of .* got steps and tokens"),
    ("pretraining", {"pretraining.budget": "1m"}, "got steps and budget"),
    ("pretraining", {"model": "folder"}, "model: expected none for compare pretraining"),
    ("pretraining", {"only": ["bart"]}, r'only: expected rows among bert, .* got "bart" \(did you mean bert'),
    (
        "pretraining",
        {"tasks.reviews.train": "no.tsv"},
        r"tasks\.reviews\.train: expected a file, got nothing",
    ),
    ("pretraining", {"tasks.reviews.dev": "a" * 300}, r"tasks\.reviews\.dev: .*a: expected a readable file"),
    ("pretraining", {"tasks.reviews.kind": "MRPQ"}, r"tasks\.reviews\.kind: .*did you mean MRPC"),
    ("pretraining", {"tasks.reviews.kind": None}, r"tasks\.reviews: expected a task among"),
    ("pretraining", {"pretraining.sequence_length": 64}, "the row bert: sequence length: expected at most"),
    ("masking", {"pretraining.num_attention_heads": 3}, "the row 80-10-10: num_attention_heads"),
    ("masking", {"pretraining.objective": "clm"}, "pretraining.objective: expected one that masks"),
    ("size", {"pretraining.hidden_size": 17}, "num_attention_heads: expected a divisor"),
    ("pretraining", {"arms.x.finetuning.freeze": True, "finetuning.from_scratch": True}, "row x: .*freeze"),
]


@pytest.mark.parametrize(("kind", "changes", "expected"), WRONG, ids=range(len(WRONG)))
def test_a_plan_that_does_not_do(kind: str, changes: dict[str, Any], expected: str, files: Path) -> None:
    with pytest.raises(SettingsError, match=expected) as problem:
        plan(kind, files, **changes)
    assert "\n" not in problem.value.message


def test_no_task(files: Path) -> None:
    chosen = {name: value for name, value in values(files).items() if not name.startswith("tasks.")}
    with pytest.raises(SettingsError, match="tasks: expected at least one, such as"):
        plan_of("pretraining", load(ComparisonSettings, overrides=chosen).value)


def test_all_mistakes_at_once(files: Path) -> None:
    with pytest.raises(SettingsError) as problem:
        plan("pretraining", files, **{"corpus": None, "tokens": 5, "tasks.reviews.dev": "no"})
    assert len(problem.value.problems) == 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "seeds: expected each once"),
        ({"points": [0.0]}, "points"),
        ({"tasks.a/b.train": "x", "tasks.a/b.dev": "x"}, "tasks.a/b: expected a name of letters"),
        ({"pretraining.stepz": 3}, r"pretraining\.stepz: unknown setting \(did you mean steps"),
        ({"tasks.reviews.trane": "x"}, r"tasks\.reviews\.trane: unknown setting"),
    ],
)
def test_settings_that_are_wrong_by_themselves(changes: dict[str, Any], expected: str, files: Path) -> None:
    with pytest.raises(SettingsError, match=expected):
        settings(files, **changes)


def test_there_is_no_such_comparison(files: Path) -> None:
    with pytest.raises(UsageError, match="expected a comparison among pretraining, masking, size"):
        plan("sizes", files)


SETTINGS = sorted((Path(__file__).parents[2] / "benchmarks").glob("comparison_*.toml"))


@pytest.mark.parametrize("file", SETTINGS, ids=lambda file: str(file.stem))
def test_the_settings_of_the_repository(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All their files are there, and every comparison can be made of them with a budget."""
    assert len(SETTINGS) == 2
    shared_path("data/corpus")
    monkeypatch.chdir(file.parents[1])
    chosen = load(ComparisonSettings, file=file, overrides={"pretraining.budget": "20m"}).value
    for kind in get_args(Kind):
        found = plan_of(kind, chosen)
        assert len(found.columns) >= 3 and len(found.arms) >= 2
    identity_of(chosen.model_copy(update={"corpus": chosen.corpus[-1:]}))
    tokenizer = Tokenizer.load(shared_path("data/vocab/bert-base-uncased-vocab.txt"))
    found = plan_of("pretraining", chosen)
    require_readable(found, tokenizer, configurations(found, tokenizer), Silent())


def test_the_settings_for_the_layers_of_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    shared_path("data/conll2003")
    monkeypatch.chdir(Path(__file__).parents[2])
    file = Path("benchmarks/encoder_layers.toml")
    found = plan_of("features", load(ComparisonSettings, file=file, overrides={"model": "MODEL"}).value)
    assert len(found.arms) == 7 and len(found.columns) >= 1
