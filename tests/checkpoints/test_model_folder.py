"""Model folders: ours in transformers, theirs in ours, and each way a folder can be wrong."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import small_models
import torch
import transformers
from shared import shared_path

from bertwright.checkpoints.model_folder import ModelFolder, open_model, save_model
from bertwright.errors import (
    BertwrightError,
    DigestError,
    InputError,
    ModelError,
    OutputExistsError,
    VocabularyError,
)
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.encoder import BertEncoder
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.tokenization.tokenizer import Tokenizer

TEXTS = ["The old man and the sea.", "is this a good book? walking, talked"]
PAIRS = ["A short story", "never; in Paris (2023)"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pre-trained folder of ours, not to be changed."""
    return small_models.save_pretrained(tmp_path_factory.mktemp("models") / "pretrained")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of ``saved`` without its manifest, as if another tool had written it: to be changed."""
    path = tmp_path / "folder"
    shutil.copytree(saved, path)
    (path / "bertwright.json").unlink()
    return path


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    safetensors.torch.save_file(tensors, path)


def inputs(folder: Path) -> Any:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return tokenizer(TEXTS, PAIRS, padding=True, return_tensors="pt")


def logits_of(model: BertForPreTraining, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        positions = torch.arange(batch["input_ids"].numel())
        return model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"], positions)


# --- ours, written and read ---


def test_what_a_folder_holds(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == [
        "README.md",
        "bertwright.json",
        "config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    config = json.loads((saved / "config.json").read_text())
    assert config["architectures"] == ["BertForPreTraining"]
    assert (config["model_type"], config["dtype"]) == ("bert", "float32")
    assert "[MASK]" in (saved / "README.md").read_text()


def test_the_same_model_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    again = small_models.save_pretrained(tmp_path / "again")
    for path in saved.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_transformers_opens_ours_with_equal_ids_and_logits(saved: Path) -> None:
    theirs = transformers.BertForPreTraining.from_pretrained(saved).eval()
    opened = open_model(saved)
    batch = inputs(saved)
    for row, (text, pair) in enumerate(zip(TEXTS, PAIRS, strict=True)):
        ids = [*opened.tokenizer.encode(text).ids, opened.tokenizer.vocabulary.sep_id]
        ids += opened.tokenizer.encode(pair).ids
        assert batch["input_ids"][row, 1 : 1 + len(ids)].tolist() == ids
    ours = logits_of(opened.pretraining_model(), batch)
    with torch.no_grad():
        output = theirs(**batch)
    torch.testing.assert_close(ours[0], output.prediction_logits.flatten(0, 1), rtol=0, atol=1e-5)
    torch.testing.assert_close(ours[1], output.seq_relationship_logits, rtol=0, atol=1e-5)


def test_a_classifier_goes_to_transformers_and_back_with_its_labels(tmp_path: Path) -> None:
    path = small_models.save_classifier(tmp_path / "classifier")
    opened = open_model(path)
    assert opened.heads == {"sequence"}
    assert opened.labels == small_models.LABELS
    assert opened.task is not None and opened.task["kind"] == "classify"
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(path).eval()
    assert theirs.config.id2label == dict(enumerate(small_models.LABELS))
    batch = inputs(path)
    with torch.no_grad():
        ours = opened.classifier()(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
        torch.testing.assert_close(ours, theirs(**batch).logits, rtol=0, atol=1e-5)


def test_an_encoder_alone(saved: Path, tmp_path: Path) -> None:
    encoder = open_model(saved).encoder()
    save_model(tmp_path / "encoder", encoder, small_models.tokenizer(), task=None, provenance={})
    opened = open_model(tmp_path / "encoder")
    assert opened.heads == frozenset()
    theirs = transformers.AutoModel.from_pretrained(tmp_path / "encoder").eval()
    batch = inputs(saved)
    with torch.no_grad():
        ours = opened.encoder()(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
        torch.testing.assert_close(
            ours.last_hidden_state, theirs(**batch).last_hidden_state, rtol=0, atol=1e-5
        )


def test_compiled_modules_are_saved_as_what_they_wrap(saved: Path, tmp_path: Path) -> None:
    model = torch.compile(open_model(saved).pretraining_model())
    save_model(tmp_path / "model", model, small_models.tokenizer(), task=None, provenance={})
    first, second = (path / "model.safetensors" for path in (saved, tmp_path / "model"))
    assert first.read_bytes() == second.read_bytes()


def test_networks_from_one_folder_share_no_memory(saved: Path) -> None:
    opened = open_model(saved)
    first, second = opened.pretraining_model(), opened.pretraining_model()
    with torch.no_grad():
        first.encoder.pooler.dense.weight.zero_()
    assert float(second.encoder.pooler.dense.weight.detach().abs().sum()) > 0
    assert not first.training
    assert all(parameter.requires_grad for parameter in first.parameters())


def test_a_new_classifier_has_the_stored_encoder_and_a_seeded_layer(saved: Path) -> None:
    opened = open_model(saved)
    first, second = opened.new_classifier(3, seed=1), opened.new_classifier(3, seed=2)
    for name, tensor in opened.encoder().state_dict().items():
        assert torch.equal(first.encoder.state_dict()[name], tensor)
    assert not torch.equal(first.head.output.weight, second.head.output.weight)


def test_provenance_is_kept(saved: Path, tmp_path: Path) -> None:
    model = open_model(saved).pretraining_model()
    facts = {"steps": 3, "data": {"digest": "abc"}}
    save_model(tmp_path / "m", model, small_models.tokenizer(), task=None, provenance=facts, card="# Mine\n")
    manifest = open_model(tmp_path / "m").manifest
    assert manifest["provenance"] == facts
    assert len(manifest["digest"]) == 64
    assert (tmp_path / "m" / "README.md").read_text() == "# Mine\n"


def test_nothing_is_overwritten_unasked(saved: Path, tmp_path: Path) -> None:
    model, tokenizer = open_model(saved).encoder(), small_models.tokenizer()
    save_model(tmp_path / "m", model, tokenizer, task=None, provenance={})
    before = (tmp_path / "m" / "bertwright.json").read_bytes()
    with pytest.raises(OutputExistsError):
        save_model(tmp_path / "m", model, tokenizer, task=None, provenance={"new": 1})
    assert (tmp_path / "m" / "bertwright.json").read_bytes() == before
    save_model(tmp_path / "m", model, tokenizer, task=None, provenance={"new": 1}, overwrite=True)
    assert open_model(tmp_path / "m").manifest["provenance"] == {"new": 1}


def test_what_does_not_fit_together_is_not_saved(saved: Path, tmp_path: Path) -> None:
    model, tokenizer = open_model(saved).pretraining_model(), small_models.tokenizer()
    other = Tokenizer.load(shared_path("golden/model/a/vocab.txt"))
    with pytest.raises(ModelError, match=f"a vocabulary of {len(tokenizer.vocabulary)} tokens"):
        save_model(tmp_path / "m", model, other, task=None, provenance={})
    with pytest.raises(ModelError, match="3 labels"):
        classifier = SequenceClassifier(model.config, 3)
        save_model(tmp_path / "m", classifier, tokenizer, task={"labels": ["a", "b"]}, provenance={})
    with torch.no_grad():
        model.next_sentence_head.output.bias[0] = float("nan")
    with pytest.raises(ModelError, match=r"next_sentence_head.output.bias: 1 of its numbers are not finite"):
        save_model(tmp_path / "m", model, tokenizer, task=None, provenance={})
    assert list(tmp_path.iterdir()) == []


# --- damage, where a manifest stands ---


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "vocab.txt", "tokenizer.json", "bertwright.json"]
)
def test_one_flipped_bit_is_refused_and_the_file_named(name: str, saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "m")
    path = tmp_path / "m" / name
    good = path.read_bytes()
    rng = random.Random(name)
    for _ in range(25):
        changed = bytearray(good)
        changed[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(InputError) as error:
            open_model(tmp_path / "m")
        assert name in error.value.message or name == "bertwright.json"
        if name != "bertwright.json":
            assert isinstance(error.value, DigestError)


def test_cut_swapped_and_lost_files(saved: Path, tmp_path: Path) -> None:
    def damaged(change: Callable[[Path], object]) -> DigestError:
        shutil.rmtree(tmp_path / "m", ignore_errors=True)
        shutil.copytree(saved, tmp_path / "m")
        change(tmp_path / "m")
        with pytest.raises(DigestError) as error:
            open_model(tmp_path / "m")
        return error.value

    def swap(path: Path) -> None:
        (path / "vocab.txt").rename(path / "x")
        (path / "tokenizer.json").rename(path / "vocab.txt")
        (path / "x").rename(path / "tokenizer.json")

    weights = "model.safetensors"
    assert weights in str(damaged(lambda m: os.truncate(m / weights, 1000)))
    assert weights in str(damaged(lambda m: (m / weights).unlink()))
    assert "vocab.txt" in str(damaged(swap)) or "tokenizer.json" in str(damaged(swap))


def test_files_beside_the_listed_ones_are_left_alone(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "m")
    (tmp_path / "m" / ".gitattributes").write_text("*.safetensors filter=lfs\n")
    assert open_model(tmp_path / "m").notes == ()


# --- folders of others ---


def test_a_masked_language_model_without_pooler(folder: Path) -> None:
    config = transformers.BertConfig.from_pretrained(folder)
    theirs = transformers.BertForMaskedLM(config).eval()
    theirs.save_pretrained(folder)
    opened = open_model(folder)
    assert opened.heads == {"masked_language"}
    assert opened.notes == ("no pooler is stored: the pooled output is that of initial weights",)
    with pytest.raises(ModelError, match=r"a model with a next sentence head.*heads: masked_language"):
        opened.pretraining_model()
    batch = inputs(folder)
    ours, _ = logits_of(opened.pretraining_model(require=["masked_language"]), batch)
    with torch.no_grad():
        torch.testing.assert_close(ours, theirs(**batch).logits.flatten(0, 1), rtol=0, atol=1e-5)


def test_a_classifier_of_others(folder: Path) -> None:
    config = transformers.BertConfig.from_pretrained(folder, num_labels=4)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    opened = open_model(folder)
    assert opened.task == {"kind": "classify", "labels": ["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"]}
    assert opened.classifier().num_labels == 4
    edit_config(folder, problem_type="regression")
    assert open_model(folder).task is None
    edit_config(folder, problem_type=None, id2label={"0": "a", "1": "b"})
    with pytest.raises(ModelError, match="id2label: expected 4 names"):
        open_model(folder)


def test_heads_that_are_not_ours_are_noted(folder: Path) -> None:
    edit_weights(folder, lambda tensors: tensors.update({"qa_outputs.weight": torch.ones(2, 48)}))
    assert open_model(folder).notes == ("1 tensors of other heads are not used: qa_outputs.weight",)


def test_weights_in_several_files(folder: Path) -> None:
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, part in shards.items():
        safetensors.torch.save_file({name: tensors[name] for name in part}, folder / file)
    index = {"metadata": {}, "weight_map": {name: file for file, part in shards.items() for name in part}}
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index))
    assert open_model(folder).pretraining_model()
    for wrong in ("../one.safetensors", "/etc/passwd", "a/b", "..", "", "x\0y"):
        path.write_text(json.dumps({"weight_map": {"x": wrong}}))
        with pytest.raises(ModelError, match="a plain file name"):
            open_model(folder)
    path.write_text(json.dumps({"weight_map": {"x": "absent.safetensors"}}))
    with pytest.raises(ModelError, match="nothing there"):
        open_model(folder)
    path.write_text(json.dumps({"weight_map": [1]}))
    with pytest.raises(ModelError, match="weight_map"):
        open_model(folder)


def test_float64_is_noted_and_rounded(folder: Path) -> None:
    edit_weights(folder, lambda tensors: tensors.update({k: v.double() for k, v in tensors.items()}))
    opened = open_model(folder)
    assert opened.notes == ("weights are stored as float64 and were rounded to float32",)
    assert {p.dtype for p in opened.encoder().parameters()} == {torch.float32}


# --- TensorFlow 1 ---


@pytest.mark.parametrize(
    ("name", "layers"),
    [("golden/model/a", 3), ("golden/model/c/model.ckpt-12", 4), ("models/tiny-tf-checkpoint", 2)],
)
def test_tensorflow_folders(name: str, layers: int) -> None:
    path = shared_path("golden/model/c") / "model.ckpt-12" if name.endswith("-12") else shared_path(name)
    opened = open_model(path)
    assert opened.config.num_hidden_layers == layers
    assert opened.config.hidden_act == "gelu_pytorch_tanh"
    assert opened.heads == {"masked_language", "next_sentence"}
    assert "lower-cased" in opened.notes[0]
    assert opened.tokenizer.settings.do_lower_case


def test_several_checkpoints_in_one_folder_are_listed() -> None:
    with pytest.raises(ModelError, match=r"model.ckpt-0.index, model.ckpt-12.index.*name one of them"):
        open_model(shared_path("golden/model/c"))


def test_casing_is_inferred_from_the_vocabulary_when_it_is_not_stored(tmp_path: Path) -> None:
    source = shared_path("golden/model/a")
    shutil.copytree(source, tmp_path / "a")
    os.chmod(tmp_path / "a", 0o755)
    vocabulary = tmp_path / "a" / "vocab.txt"
    os.chmod(vocabulary, 0o644)
    lines = vocabulary.read_text().split("\n")
    lines[50] = "London"
    vocabulary.write_text("\n".join(lines))
    opened = open_model(tmp_path / "a")
    assert not opened.tokenizer.settings.do_lower_case
    assert opened.notes[0].endswith("casing is not stored; its vocabulary is cased")
    assert open_model(tmp_path / "a", lower_case=True).tokenizer.settings.do_lower_case


# --- refused ---


def refused(path: Path, message: str, error: type[BertwrightError] = ModelError) -> None:
    with pytest.raises(error, match=message) as caught:
        open_model(path)
    assert "\n" not in caught.value.message


def test_not_a_folder(tmp_path: Path) -> None:
    refused(tmp_path / "absent", 'a model folder, got "nothing there"')
    (tmp_path / "file").write_text("text")
    refused(tmp_path / "file", 'a model folder, got "a file"')
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", 'config.json: expected a file, got "nothing there"')


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt", "model.npz", ".metadata"])
@pytest.mark.parametrize("with_config", [True, False])
def test_pickled_weights(name: str, with_config: bool, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    if not with_config:
        (folder / "config.json").unlink()
    with (folder / name).open("wb") as file:
        torch.save({"x": 1}, file)
    refused(folder, "pickle is not accepted")
    refused(folder / name, "pickle is not accepted")


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    refused(folder, "a folder with model.safetensors")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected JSON"),
        ("[]", "a JSON object"),
        ("// comment\n{}", "expected JSON"),
        ('{"vocab_size": 1, "vocab_size": 2}', "each key once"),
        ('{"vocab_size": Infinity}', "finite numbers"),
        ("[" * 100_000, "nested at most 64 deep"),
        (" " * (2 << 20), "at most 1,048,576 bytes"),
        ("{}", "vocab_size: missing"),
    ],
    ids=["empty", "list", "comment", "duplicate", "infinity", "deep", "large", "nothing in it"],
)
def test_malformed_configurations(text: str, message: str, folder: Path) -> None:
    (folder / "config.json").write_text(text)
    refused(folder, message)


def test_a_configuration_in_utf16(folder: Path) -> None:
    (folder / "config.json").write_bytes((folder / "config.json").read_text().encode("utf-16"))
    refused(folder, "UTF-8")


def test_vocabulary_of_another_size_names_both(folder: Path) -> None:
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    edit_config(folder, vocab_size=size + 6)
    refused(folder, f"vocab_size {size}, the size of the folder's vocabulary, got {size + 6}")


def test_a_network_larger_than_the_memory(folder: Path) -> None:
    edit_config(folder, num_hidden_layers=10**6)
    refused(folder, r"needs [\d,.]+ GiB of memory, [\d,.]+ GiB are free")


def test_other_sizes_than_the_weights(folder: Path) -> None:
    edit_config(folder, intermediate_size=81)
    refused(folder, r"shape \(81, 48\), got .*\(80, 48\)")
    edit_config(folder, intermediate_size=80, num_hidden_layers=2)
    refused(folder, "tensors that this network does not have: 16")
    edit_config(folder, num_hidden_layers=4)
    refused(folder, "missing tensors: 16")


def test_labels_that_contradict_each_other(folder: Path) -> None:
    edit_config(folder, id2label={"0": "a", "2": "b"})
    refused(folder, 'id2label: expected the ids "0" to "1"')
    edit_config(folder, id2label={"0": "a", "1": "b"}, num_labels=3)
    refused(folder, "num_labels: expected the 2 names of id2label, got 3")


def test_weights_that_are_not_finite(folder: Path) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors["cls.predictions.bias"][:2] = float("inf")

    edit_weights(folder, spoil)
    refused(folder, "tensor cls.predictions.bias: 2 of its numbers are not finite")
    assert isinstance(open_model(folder, allow_nonfinite=True), ModelFolder)


def test_a_decoder_that_contradicts_the_embeddings(folder: Path) -> None:
    def untie(tensors: dict[str, torch.Tensor]) -> None:
        tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"] + 1

    edit_weights(folder, untie)
    refused(folder, "they are tied")


def test_a_broken_vocabulary(folder: Path) -> None:
    (folder / "vocab.txt").write_text("a\na\n")
    refused(folder, "vocab.txt", VocabularyError)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.txt", "tokenizer.json"])
def test_links_that_lead_out_of_the_folder(name: str, folder: Path, tmp_path: Path) -> None:
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    refused(folder, 'a file inside the model folder, got "a link to')


def test_the_links_of_a_hub_cache_are_followed(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "models--x--y"
    snapshot = cache / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (cache / "blobs").mkdir()
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(cache / "blobs" / str(number))
        (snapshot / path.name).symlink_to(Path("../../blobs") / str(number))
    assert open_model(snapshot).heads == {"masked_language", "next_sentence"}


def test_a_file_that_everyone_may_change_is_noted(folder: Path) -> None:
    os.chmod(folder / "model.safetensors", 0o666)
    assert open_model(folder).notes[0].endswith("model.safetensors: every user of this machine may change it")


def test_missing_head_is_named(saved: Path) -> None:
    with pytest.raises(
        ModelError, match='a model with a sequence head, got "heads: masked_language, next_sentence'
    ):
        open_model(saved).classifier()


def test_the_encoder_of_every_kind_of_folder(saved: Path, tmp_path: Path) -> None:
    kinds = [saved, small_models.save_classifier(tmp_path / "c"), shared_path("golden/model/a")]
    assert all(isinstance(open_model(path).encoder(), BertEncoder) for path in kinds)
