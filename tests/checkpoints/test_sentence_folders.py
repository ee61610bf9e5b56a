"""sentence-transformers folders: theirs here and ours there give the same vectors."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_models
import torch

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.checkpoints.sentence_recipe import ACTIVATIONS, MODE_KEYS, DenseLayer, SentenceRecipe
from bertwright.errors import DigestError, ModelError, UsageError
from bertwright.exchange.conversion import convert
from bertwright.features.pooling import POOLINGS
from bertwright.inference.inspection.detection import inspect_path
from bertwright.inference.model import Model, load
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.tokenizer import Tokenizer

TEXTS = [
    "the old man and the sea.",
    "",
    "She CLOSED the Dóor, and walked to Paris!",
    "the night was dark " * 20,
    "good",
]
LIBRARY = "sentence_transformers.models."


def their_vectors(folder: Path, texts: Sequence[str] = TEXTS) -> Any:
    """What sentence-transformers makes of the folder."""
    library = pytest.importorskip("sentence_transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = library.SentenceTransformer(str(folder), device="cpu")
        return model.encode(list(texts), show_progress_bar=False, batch_size=2)


def their_folder(path: Path, saved: Path, *modules: Any) -> Path:
    """A folder that sentence-transformers wrote: a Transformer and ``modules``."""
    library = pytest.importorskip("sentence_transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import models

        made = [getattr(models, name)(*arguments) for name, *arguments in modules]
        library.SentenceTransformer(modules=[models.Transformer(str(saved)), *made], device="cpu").save(
            str(path)
        )
    return path


def write_modules(folder: Path, modules: Sequence[tuple[str, str]], pooling: dict[str, Any]) -> None:
    """``modules.json`` and the pooling's settings, as older versions wrote them."""
    entries = [
        {"idx": number, "name": str(number), "path": path, "type": LIBRARY + kind}
        for number, (kind, path) in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(entries))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


OLD_POOLING = {
    "word_embedding_dimension": 48,
    "pooling_mode_cls_token": False,
    "pooling_mode_mean_tokens": True,
    "pooling_mode_max_tokens": False,
    "pooling_mode_mean_sqrt_len_tokens": False,
}


@pytest.mark.parametrize(
    "modules",
    [
        [("Pooling", 48, "mean")],
        [("Pooling", 48, "cls"), ("Normalize",)],
        [("Pooling", 48, "max")],
        [("Pooling", 48, "mean_sqrt_len_tokens")],
        [("Pooling", 48, "weightedmean")],
        [("Pooling", 48, "lasttoken")],
        [("Pooling", 48, ("max", "cls")), ("Dense", 96, 20), ("Dense", 20, 10, False), ("Normalize",)],
        [("Pooling", 48, "mean"), ("Dense", 48, 7, True, torch.nn.GELU())],
    ],
    ids=lambda modules: "-".join(
        str(module[2] if module[0] == "Pooling" else module[0]) for module in modules
    ),
)
def test_theirs_opens_here(saved: Path, tmp_path: Path, modules: list[tuple[Any, ...]]) -> None:
    folder = their_folder(tmp_path / "theirs", saved, *modules)
    opened = load(folder)
    np.testing.assert_allclose(opened.embed(TEXTS), their_vectors(folder), atol=1e-5)
    assert any("as modules.json says" in note for note in opened.folder.notes)


def rewrite(opened: Model, path: Path, recipe: SentenceRecipe | None) -> Path:
    save_model(path, opened.folder.encoder(), opened.tokenizer, task=None, provenance={}, sentences=recipe)
    return path


@pytest.mark.parametrize(
    "recipe",
    [
        SentenceRecipe(),
        SentenceRecipe("cls", normalize=True, max_length=9),
        SentenceRecipe("max+cls", dimensions=50),
        SentenceRecipe("cls+max+mean", normalize=True),
        SentenceRecipe("weightedmean", prompt="the story of: "),
        SentenceRecipe(
            "mean",
            (
                DenseLayer(torch.linspace(-1, 1, 480).view(10, 48), torch.linspace(0, 1, 10), "tanh"),
                DenseLayer(torch.linspace(1, -1, 30).view(3, 10), None, "linear"),
            ),
            normalize=True,
        ),
    ],
    ids=SentenceRecipe.described,
)
def test_ours_opens_there_and_here(saved: Path, tmp_path: Path, recipe: SentenceRecipe) -> None:
    source = load(saved)
    folder = rewrite(source, tmp_path / "ours", recipe)
    opened = load(folder)
    vectors = opened.embed(TEXTS)
    np.testing.assert_allclose(vectors, their_vectors(folder), atol=1e-5)
    assert vectors.shape[1] == recipe.width(48)
    assert opened.folder.sentences is not None
    assert opened.folder.sentences.facts() == {**recipe.facts(), "max_length": recipe.max_length or 40}
    again = rewrite(opened, tmp_path / "again", opened.folder.sentences)
    np.testing.assert_array_equal(load(again).embed(TEXTS), vectors)


def test_a_folder_that_says_nothing(saved: Path) -> None:
    """A plain model folder of ours: both take the mean over as many tokens as the network sees."""
    np.testing.assert_allclose(load(saved).embed(TEXTS), their_vectors(saved), atol=1e-5)


def test_the_old_layout(saved: Path, tmp_path: Path) -> None:
    """Before version 2 the encoder had a folder of its own; lengths and casing stood beside it."""
    cased = Tokenizer(load(saved).tokenizer.vocabulary, TokenizerSettings(do_lower_case=False))
    save_model(tmp_path / "cased", load(saved).folder.encoder(), cased, task=None, provenance={})
    folder = tmp_path / "old"
    folder.mkdir()
    inner = shutil.copytree(tmp_path / "cased", folder / "0_Transformer")
    (inner / "bertwright.json").unlink()
    (inner / "sentence_bert_config.json").write_text('{"max_seq_length": 7, "do_lower_case": true}')
    write_modules(folder, [("Transformer", "0_Transformer"), ("Pooling", "1_Pooling")], OLD_POOLING)
    opened = load(folder)
    assert opened.folder.path == folder
    assert inspect_path(folder).kind == "model"
    assert opened.tokenizer.settings == TokenizerSettings(do_lower_case=True, strip_accents=False)
    np.testing.assert_allclose(opened.embed(TEXTS), their_vectors(folder), atol=1e-5)
    assert not load(folder, lower_case=False).tokenizer.settings.do_lower_case, "the caller decides"
    before = opened.digest
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({**OLD_POOLING, "pooling_mode_max_tokens": True})
    )
    assert load(folder).digest != before
    np.testing.assert_allclose(load(folder).embed(TEXTS), their_vectors(folder), atol=1e-5)


def test_a_snapshot_of_the_hub(folder: Path, tmp_path: Path) -> None:
    """The cache keeps links to blobs, also in the folders of modules."""
    write_modules(folder, [("Transformer", ""), ("Pooling", "1_Pooling")], OLD_POOLING)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 7, "do_lower_case": false}')
    snapshot = tmp_path / "models--a" / "snapshots" / "0f3c"
    blobs = tmp_path / "models--a" / "blobs"
    blobs.mkdir(parents=True)
    for number, path in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        link = snapshot / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, blobs / str(number))
        link.symlink_to(os.path.relpath(blobs / str(number), link.parent))
    np.testing.assert_array_equal(load(snapshot).embed(TEXTS), load(folder).embed(TEXTS))
    (snapshot / "1_Pooling" / "config.json").unlink()
    (snapshot / "1_Pooling" / "config.json").symlink_to(tmp_path / "elsewhere.json")
    (tmp_path / "elsewhere.json").write_text(json.dumps(OLD_POOLING))
    with pytest.raises(ModelError, match="a file inside the folder"):
        load(snapshot)


def test_flags_override(saved: Path, tmp_path: Path) -> None:
    source = load(saved)
    opened = load(rewrite(source, tmp_path / "ours", SentenceRecipe("cls", normalize=True, max_length=9)))
    np.testing.assert_allclose(np.linalg.norm(opened.embed(TEXTS), axis=1), 1, atol=1e-6)
    changed = opened.embed(TEXTS, "mean", normalize=False, max_length=40)
    np.testing.assert_allclose(changed, source.embed(TEXTS), atol=1e-5)
    np.testing.assert_allclose(source.embed(TEXTS, "cls", normalize=True, max_length=9), opened.embed(TEXTS))
    dense = DenseLayer(torch.ones(3, 48), None, "tanh")
    opened = load(rewrite(source, tmp_path / "dense", SentenceRecipe(dense=(dense,))))
    assert opened.embed(TEXTS, "cls").shape == (len(TEXTS), 3)
    with pytest.raises(UsageError, match="pooling: expected 48 numbers, as the dense layer takes, got 96"):
        opened.embed(TEXTS, "cls+mean")  # type: ignore[arg-type]


def test_vectors_that_are_cut_have_length_1_when_asked(saved: Path, tmp_path: Path) -> None:
    """As of sentence-transformers, which scales what is kept."""
    library = pytest.importorskip("sentence_transformers")
    for number, recipe in enumerate(
        [SentenceRecipe(dimensions=7), SentenceRecipe("cls", normalize=True, dimensions=7)]
    ):
        opened = load(rewrite(load(saved), tmp_path / str(number), recipe))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = library.SentenceTransformer(str(tmp_path / str(number)), device="cpu", truncate_dim=7)
            expected = theirs.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
        unit = opened.embed(TEXTS, normalize=True)
        assert unit.shape == (len(TEXTS), 7)
        np.testing.assert_allclose(unit, expected, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
        assert not np.allclose(np.linalg.norm(opened.embed(TEXTS), axis=1), 1, atol=1e-3)
    assert "these scaled to length 1" in opened.sentence_recipe(normalize=True).described()
    with pytest.raises(
        UsageError, match="--normalize: expected a folder that keeps whole vectors, got truncate_dim 7"
    ):
        convert(opened.folder.path, tmp_path / "out", to="sentence-transformers", options={"normalize": True})


def test_every_file_is_verified(saved: Path, tmp_path: Path) -> None:
    folder = rewrite(load(saved), tmp_path / "ours", SentenceRecipe(normalize=True))
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(pooling.read_text().replace("false", "true ", 1))
    with pytest.raises(DigestError, match=r"1_Pooling/config\.json"):
        load(folder)


def test_prompts_that_are_not_used_are_said(folder: Path) -> None:
    write_modules(folder, [("Transformer", ""), ("Pooling", "1_Pooling")], OLD_POOLING)
    prompts = {"prompts": {"query": "ask: ", "document": ""}, "default_prompt_name": None}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    assert "its prompts query are not put before texts: write them there yourself" in open_model(folder).notes
    np.testing.assert_allclose(load(folder).embed(TEXTS), their_vectors(folder), atol=1e-5)


def test_a_length_beyond_the_positions_is_cut_to_them(folder: Path) -> None:
    write_modules(folder, [("Transformer", ""), ("Pooling", "1_Pooling")], OLD_POOLING)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 512}')
    assert open_model(folder).sentences == SentenceRecipe(max_length=small_models.POSITIONS)


POOLING, SENTENCE = "1_Pooling/config.json", "config_sentence_transformers.json"
TRANSFORMER = "sentence_bert_config.json"
GOOD = [{"type": LIBRARY + "Transformer", "path": ""}, {"type": LIBRARY + "Pooling", "path": "1_Pooling"}]
DENSE = {"type": LIBRARY + "Dense", "path": "2_Dense"}
NORMALIZE = {"type": LIBRARY + "Normalize", "path": "2_Normalize"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("modules.json", {}, "expected a list of modules, got"),
        ("modules.json", [], "expected Transformer, Pooling, then Dense layers and Normalize"),
        ("modules.json", GOOD[:1], "expected Transformer, Pooling, .*without modules.json"),
        ("modules.json", [*GOOD, NORMALIZE, DENSE], "got .*Transformer, Pooling, Normalize, Dense"),
        ("modules.json", [*GOOD, {"path": ""}], "type and path of every module"),
        ("modules.json", [*GOOD, {"type": "os.Dense", "path": "x"}], 'got "os.Dense"'),
        ("modules.json", [*GOOD, {"type": LIBRARY + "WordWeights", "path": "x"}], "models.WordWeights"),
        ("modules.json", [{"type": LIBRARY + "CLIPModel", "path": ""}, GOOD[1]], "models.CLIPModel"),
        ("modules.json", [GOOD[0], {**GOOD[1], "path": ""}], "a folder of its own for Pooling"),
        ("modules.json", [GOOD[0], {**GOOD[1], "path": "../1_Pooling"}], "a plain file name"),
        ("modules.json", [GOOD[0], {**GOOD[1], "path": "/etc"}], "a plain file name"),
        ("modules.json", [GOOD[0], {**GOOD[1], "path": "no"}], "the folder of Pooling, got .*nothing there"),
        ("modules.json", [{**GOOD[0], "path": "1_Pooling"}, GOOD[1]], "1_Pooling/config.json"),
        ("modules.json", [*GOOD, DENSE], "2_Dense: expected the folder of Dense"),
        (POOLING, [], "a JSON object"),
        (
            POOLING,
            {**OLD_POOLING, "word_embedding_dimension": 49},
            "hidden_size 49, that of the pooling, got 48",
        ),
        (
            POOLING,
            {**OLD_POOLING, "word_embedding_dimension": True},
            "word_embedding_dimension: expected a whole",
        ),
        (POOLING, {**OLD_POOLING, "pooling_mode_colbert": True}, "pooling_mode: expected poolings among cls"),
        (
            POOLING,
            {"embedding_dimension": 48, "pooling_mode": "sum"},
            "pooling_mode: expected poolings among cls",
        ),
        (
            POOLING,
            {"embedding_dimension": 48, "pooling_mode": ["mean", "cls"] + ["mean"] * 100_000},
            "pooling_mode: expected each pooling once",
        ),
        (POOLING, {**OLD_POOLING, "new_option": True}, "new_option: expected a setting that is known"),
        (TRANSFORMER, {"max_seq_length": 2}, "max_seq_length: expected a whole number from 3, got 2"),
        (TRANSFORMER, {"max_seq_length": "9"}, "max_seq_length: expected a whole number from 3"),
        (TRANSFORMER, {"do_lower_case": 1}, "do_lower_case: expected true or false, got 1"),
        (
            TRANSFORMER,
            {"transformer_task": "fill-mask"},
            "transformer_task: expected a setting that is known",
        ),
        (TRANSFORMER, {"model_args": {"trust_remote_code": True}}, "model_args: expected a setting"),
        (SENTENCE, {"model_type": "SparseEncoder"}, 'expected SentenceTransformer, got "SparseEncoder"'),
        (SENTENCE, {"default_prompt_name": "query"}, "a name among the prompts"),
        (SENTENCE, {"default_prompt_name": ["query"]}, "a name among the prompts"),
        (SENTENCE, {"prompts": ["a"]}, "prompts: expected texts by name"),
        (SENTENCE, {"truncate_dim": 0}, "truncate_dim: expected a whole number from 1, got 0"),
    ],
)
def test_what_is_refused(folder: Path, name: str, content: Any, message: str) -> None:
    write_modules(folder, [("Transformer", ""), ("Pooling", "1_Pooling")], OLD_POOLING)
    (folder / name).write_text(json.dumps(content))
    with pytest.raises(ModelError, match=message):
        open_model(folder)


def test_a_prompt_outside_the_pooling(folder: Path) -> None:
    write_modules(
        folder, [("Transformer", ""), ("Pooling", "1_Pooling")], {**OLD_POOLING, "include_prompt": False}
    )
    open_model(folder)
    (folder / SENTENCE).write_text('{"prompts": {"a": "story: "}, "default_prompt_name": "a"}')
    with pytest.raises(ModelError, match="include_prompt: expected a pooling that includes the prompt"):
        open_model(folder)


DENSE_CONFIG = {
    "in_features": 48,
    "out_features": 5,
    "activation_function": "torch.nn.modules.linear.Identity",
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"activation_function": ["os.system"]},
            "activation_function: expected one of torch",
        ),
        (
            {"activation_function": "os.system"},
            'activation_function: expected one of torch.*, got "os.system"',
        ),
        ({"use_residual": True}, "use_residual: expected a dense layer without residual connection"),
        ({"in_features": 47}, "on vectors of 48 numbers"),
        ({"bias": False}, "expected tensors"),
        ({"new_option": 1}, "new_option: expected a setting that is known here, got 1"),
        ({"module_input_name": "token_embeddings"}, "module_input_name: expected sentence_embedding"),
    ],
)
def test_dense_layers_that_are_refused(folder: Path, changes: dict[str, Any], message: str) -> None:
    import safetensors.torch

    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense")]
    write_modules(folder, modules, OLD_POOLING)
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "config.json").write_text(json.dumps({**DENSE_CONFIG, **changes}))
    tensors = {"linear.weight": torch.ones(5, 48), "linear.bias": torch.ones(5)}
    safetensors.torch.save_file(tensors, folder / "2_Dense" / "model.safetensors")
    with pytest.raises(ModelError, match=message):
        open_model(folder)


def test_a_dense_layer_in_a_pickle(folder: Path) -> None:
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense")]
    write_modules(folder, modules, OLD_POOLING)
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "config.json").write_text(json.dumps(DENSE_CONFIG))
    torch.save({"linear.weight": torch.ones(5, 48)}, folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"2_Dense: expected model\.safetensors of a dense.*save the model"):
        open_model(folder)


def test_a_folder_that_is_a_link(folder: Path, tmp_path: Path) -> None:
    write_modules(folder, [("Transformer", ""), ("Pooling", "1_Pooling")], OLD_POOLING)
    (folder / "1_Pooling").rename(tmp_path / "outside")
    (folder / "1_Pooling").symlink_to(tmp_path / "outside")
    with pytest.raises(ModelError, match=r"a folder inside the model folder, got .*a link to"):
        open_model(folder)


def test_the_tables_agree() -> None:
    from bertwright.model.activations import activation

    assert set(MODE_KEYS.values()) == set(POOLINGS)
    assert len({activation(name) for name in ACTIVATIONS.values()}) == len(ACTIVATIONS) == 5
