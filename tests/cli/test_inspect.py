"""``bertwright inspect``: every kind of path, damage, and what it is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from folder_edits import edit_config, edit_weights
from shared import shared_path
from small_models import LABELS, config, tokenizer

from bertwright import durable
from bertwright.checkpoints.model_folder import save_model
from bertwright.cli.app import run
from bertwright.inference.model import load
from bertwright.model.span_classifier import SpanClassifier
from bertwright.training.checkpoint_store import Checkpoint, CheckpointStore


def inspected(command, path: Path) -> dict[str, object]:  # type: ignore[no-untyped-def,type-arg]
    answer = command("inspect", path, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["path"] == str(path)
    found: dict[str, object] = answer.json
    return found


def test_model(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    found = inspected(command, pretrained_folder)
    model = load(pretrained_folder)
    assert (found["kind"], found["origin"], found["verified"]) == ("model", "bertwright", 6)
    assert found["heads"] == ["masked_language", "next_sentence"]
    assert found["digest"] == model.folder.manifest["digest"]
    counts = found["parameters"]
    network = model.folder.pretraining_model()
    assert counts["total"] == sum(weight.numel() for weight in network.parameters())  # type: ignore[index]
    assert counts["layers"] == sum(weight.numel() for weight in network.encoder.layers.parameters())  # type: ignore[index]
    assert sum(counts.values()) == 2 * counts["total"]  # type: ignore[attr-defined,index]
    assert found["tokenizer"]["size"] == len(tokenizer().vocabulary)  # type: ignore[index]


def test_fine_tuned_model(command, classifier_folder: Path) -> None:  # type: ignore[no-untyped-def]
    found = inspected(command, classifier_folder)
    assert found["heads"] == ["sequence"]
    assert found["task"]["labels"] == list(LABELS)  # type: ignore[index]
    assert found["parameters"]["output_layer"] == 48 * 3 + 3  # type: ignore[index]


def test_model_that_answers_questions(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    words = tokenizer()
    model = SpanClassifier(config(len(words.vocabulary)), 2)
    save_model(tmp_path / "model", model, words, task={"kind": "answer"}, provenance={})
    found = inspected(command, tmp_path / "model")
    assert found["heads"] == ["span"]
    assert found["parameters"]["output_layer"] == 48 * 2 + 2  # type: ignore[index]
    assert "pooler" not in found["parameters"]  # type: ignore[operator]


def test_folder_of_others(command, pretrained_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    copy = tmp_path / "copy"
    shutil.copytree(pretrained_folder, copy)
    (copy / "bertwright.json").unlink()
    found = inspected(command, copy)
    assert (found["kind"], found["origin"], found["verified"]) == ("model", "Hugging Face", None)
    assert "digest" not in found


@pytest.mark.parametrize("name", ["golden/model/a", "models/tiny-tf-checkpoint"])
def test_tensorflow_checkpoint(command, name: str) -> None:  # type: ignore[no-untyped-def]
    found = inspected(command, shared_path(name))
    assert (found["kind"], found["origin"]) == ("model", "TensorFlow 1")
    assert found["heads"] == ["masked_language", "next_sentence"]
    assert found["notes"]


def test_what_is_lost(command, pretrained_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert inspected(command, pretrained_folder)["lost_on_loading"] == {}
    assert "lost_on_loading" in command("inspect", pretrained_folder).out
    copy = tmp_path / "copy"
    shutil.copytree(pretrained_folder, copy)
    (copy / "bertwright.json").unlink()
    assert inspected(command, copy)["lost_on_loading"] == {}
    edit_config(copy, use_cache=True, is_decoder=False, torch_dtype="float16", my_field=7)
    (copy / "tf_model.h5").write_bytes(b"")
    (copy / "onnx").mkdir()

    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["classifier_of_my_own.weight"] = torch.ones(2)
        tensors["bert.pooler.dense.bias"] = tensors["bert.pooler.dense.bias"].double()
        tensors["bert.embeddings.LayerNorm.weight"] = tensors["bert.embeddings.LayerNorm.weight"].half()

    edit_weights(copy, change)
    found = inspected(command, copy)
    assert found["lost_on_loading"] == {
        "tensors": ["classifier_of_my_own.weight"],
        "rounded": ["bert.pooler.dense.bias"],
        "fields": ["my_field"],
        "unread_files": ["onnx/", "tf_model.h5"],
    }
    assert found["stored_as"] == {"float16": 48, "float32": found["parameters"]["total"] - 96, "float64": 48}  # type: ignore[index]

    def drop(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if "pooler" in name]:
            del tensors[name]

    edit_weights(copy, drop)
    assert inspected(command, copy)["lost_on_loading"]["missing"] == ["pooler"]  # type: ignore[index]


def test_digests_of_files(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    entries = {entry["name"]: entry for entry in inspected(command, pretrained_folder)["files"]}  # type: ignore[attr-defined]
    assert set(entries) == {path.name for path in pretrained_folder.iterdir()}
    promised = durable.read_manifest(pretrained_folder, manifest_name="bertwright.json").files
    assert {name: entries[name] for name in promised} == {
        name: {"name": name, **entry} for name, entry in promised.items()
    }


def test_sentence_transformers(command, pretrained_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "sentences"
    to = ("--to", "sentence-transformers", "--pooling", "cls", "--normalize")
    assert command("convert", pretrained_folder, folder, *to).code == 0
    found = inspected(command, folder)
    assert (found["origin"], found["lost_on_loading"], found["verified"]) == ("bertwright", {}, 11)
    assert found["sentence_vectors"]["normalize"] is True  # type: ignore[index]
    (folder / "bertwright.json").unlink()
    found = inspected(command, folder)
    assert (found["origin"], found["lost_on_loading"]) == ("sentence-transformers", {})
    names = {entry["name"] for entry in found["files"]}  # type: ignore[attr-defined]
    assert "1_Pooling/config.json" in names


def test_optimizer_slots(command) -> None:  # type: ignore[no-untyped-def]
    lost = inspected(command, shared_path("models/tiny-tf-checkpoint"))["lost_on_loading"]
    assert lost == {"optimizer_slots": 93}
    lost = inspected(command, shared_path("golden/model/a"))["lost_on_loading"]
    assert set(lost) == {"unread_files"}, "the golden values beside it"


def test_tensor_file(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    found = inspected(command, pretrained_folder / "model.safetensors")
    assert found["kind"] == "tensors"
    assert found["numbers"] == inspected(command, pretrained_folder)["parameters"]["total"]  # type: ignore[index]
    assert found["shapes"]["bert.embeddings.position_embeddings.weight"] == [40, 48]  # type: ignore[index]


def test_vocabulary(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    words = tokenizer()
    folder = tmp_path / "words"
    with durable.NewDirectory(folder, kind="vocabulary") as new:
        for name, data in words.files().items():
            new.write(name, data)
        new.write("report.json", json.dumps({"size": 1, "unk_rate": 0.25, "coverage": 0.5}))
    found = inspected(command, folder)
    assert (found["kind"], found["size"], found["verified"]) == ("vocabulary", len(words.vocabulary), 5)
    assert found["special_ids"] == {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
    assert found["measured"] == {"unk_rate": 0.25, "coverage": 0.5}
    bare = inspected(command, folder / "vocab.txt")
    assert (bare["size"], bare["verified"]) == (found["size"], None)
    assert bare["notes"] == ["a bare vocab.txt stores no settings: it is taken as lower-cased"]


def test_store(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "words").mkdir()
    for name, data in tokenizer().files().items():
        (tmp_path / "words" / name).write_bytes(data)
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("The sea was dark. He saw a door.\nIt was open.\n\nA very long story.\n")
    store = tmp_path / "store"
    assert run(["prepare", str(corpus), "--vocab", str(tmp_path / "words"), "-o", str(store), "--quiet"]) == 0
    found = inspected(command, store)
    assert (found["kind"], found["documents"], found["sentences"]) == ("store", 2, 4)
    assert found["tokens"] > 12  # type: ignore[operator]
    assert found["verified"] == len(durable.read_manifest(store).files)
    flip(next(store.glob("*.arrow")))
    answer = command("inspect", store, "--json")
    assert (answer.code, answer.json["error"]["type"]) == (2, "DigestError")


@pytest.fixture
def a_run(tmp_path: Path) -> Path:
    """A run that was stopped after 20 steps."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps({"size": "tiny", "steps": 100}))
    log = durable.LogFile(folder / "metrics.jsonl")
    for step in (10, 20):
        log.append({"step": step, "kind": "train", "mlm_loss": 5.5 - step / 10, "tokens_per_second": 1000})
    log.append({"step": 20, "kind": "evaluation", "mlm_loss": 4.0, "mlm_accuracy": 0.125})
    log.close()
    checkpoints = CheckpointStore(folder / "checkpoints")
    for step in (10, 20):
        weights = {"weight": torch.full((2, 3), float(step))}
        checkpoints.save(Checkpoint(step, weights, {"weight/m": torch.zeros(2, 3)}, {"step": step}))
    return folder


def test_run(command, a_run: Path) -> None:  # type: ignore[no-untyped-def]
    found = inspected(command, a_run)
    assert (found["kind"], found["finished"], found["verified"]) == ("run", False, 6)
    assert found["last_training"] == {"step": 20, "mlm_loss": 3.5, "tokens_per_second": 1000}
    assert found["last_evaluation"] == {"step": 20, "mlm_loss": 4.0, "mlm_accuracy": 0.125}
    assert found["checkpoints"] == [{"step": 10, "sound": True}, {"step": 20, "sound": True}]
    assert found["notes"] == ["not finished: bertwright pretrain --resume goes on"]
    assert command("inspect", a_run / "checkpoints", "--json").json == found


def test_run_with_a_damaged_checkpoint(command, a_run: Path) -> None:  # type: ignore[no-untyped-def]
    """Everything is told, the sound one too, and the exit code says that something is wrong."""
    flip(a_run / "checkpoints" / "step-20" / "weights.safetensors")
    answer = command("inspect", a_run, "--json")
    assert answer.code == 2
    found = answer.json
    assert found["damaged"] is True
    assert found["checkpoints"] == [{"step": 10, "sound": True}, {"step": 20, "sound": False}]
    assert "weights.safetensors: expected SHA-256" in found["notes"][0]  # type: ignore[index]


def test_checkpoint(command, a_run: Path) -> None:  # type: ignore[no-untyped-def]
    path = a_run / "checkpoints" / "step-20"
    found = inspected(command, path)
    assert (found["kind"], found["step"], found["verified"]) == ("checkpoint", 20, 3)
    assert found["tensors"] == {"optimizer": 1, "weights": 1}
    (path / "manifest.json").unlink()
    answer = command("inspect", path)
    assert answer.code == 2
    assert "step-20: expected a checkpoint directory, got" in answer.err
    assert "unfinished" in answer.err


def test_store_without_its_manifest(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "part-0.arrow").write_bytes(b"ARROW1")
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    answer = command("inspect", tmp_path)
    assert answer.code == 2
    assert "no manifest.json" in answer.err


def test_unfinished_work(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "out.npy.partial"
    folder.mkdir()
    (folder / "request.json").write_text('{"pooling": "mean"}')
    (folder / "blocks.jsonl").write_text('{"rows": 3, "sha256": {}}\n{"rows": 2, "sha256": {}}\n{"ro')
    found = inspected(command, folder)
    assert (found["kind"], found["rows"], found["request"]) == ("unfinished work", 5, {"pooling": "mean"})


@pytest.mark.parametrize(("log", "name"), [("runs.jsonl", "runs"), ("parts.jsonl", "parts")])
def test_unfinished_work_in_runs_and_parts(command, tmp_path: Path, log: str, name: str) -> None:  # type: ignore[no-untyped-def]
    """As `finetune` and `compare` leave it; rows are what neither counts."""
    folder = tmp_path / "out.partial"
    folder.mkdir()
    (folder / "request.json").write_text('{"seeds": [0, 1, 2]}')
    found = inspected(command, folder)
    assert not {"rows", "runs", "parts"} & found.keys(), "none is finished"
    (folder / log).write_text('{"seed": 0}\n{"seed": 1}\n{"se')
    found = inspected(command, folder)
    assert found[name] == 2 and "rows" not in found


def test_for_people(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("inspect", pretrained_folder)
    lines = answer.out.splitlines()
    assert lines[0] == f"{pretrained_folder}: a model (6 files verified)"
    assert next(line.strip() for line in lines if "hidden_size" in line).split() == ["hidden_size", "48"]


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("absent", None, "expected a vocabulary, store, run, checkpoint, model or comparison, got"),
        ("weights.bin", b"\x80\x02}q\x00.", "pickle"),
        ("archive.safetensors", b"PK\x03\x04" + b"\0" * 600, "expected safetensors"),
        ("short.safetensors", b"\x08\0\0\0\0\0\0\0{", "short.safetensors"),
        ("notes.md", b"# notes", "expected a folder, a vocab.txt or a .safetensors file"),
        ("vocab.txt", b"[PAD]\n[UNK]\n", "vocab.txt"),
    ],
)
def test_files_that_are_not_opened(
    command, tmp_path: Path, name: str, contents: bytes | None, message: str
) -> None:  # type: ignore[no-untyped-def]
    if contents is not None:
        (tmp_path / name).write_bytes(contents)
    answer = command("inspect", tmp_path / name)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "in the folder there is nothing"),
        (["a", "b"], "in the folder there is a, b)"),
        (["a", "b", "c", "d", "e", "f", "g"], "in the folder there is a, b, c, d, e and 2 more)"),
    ],
)
def test_other_folders(command, tmp_path: Path, names: list[str], message: str) -> None:  # type: ignore[no-untyped-def]
    for name in names:
        (tmp_path / name).touch()
    answer = command("inspect", tmp_path)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_folder_of_pickles(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")
    answer = command("inspect", tmp_path)
    assert answer.code == 2
    assert "pytorch_model.bin" in answer.err and "pickle" in answer.err


def flip(path: Path) -> None:
    """Damage one bit."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
