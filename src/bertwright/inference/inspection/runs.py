"""Pre-training runs, their checkpoints, and work in blocks that is not finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bertwright import durable, strict_json
from bertwright.checkpoints.tensor_file import read_entries
from bertwright.comparison.members import KIND, LARGEST_RECORD, RECORD
from bertwright.data.objectives import FIGURES, WORD_OBJECTIVES
from bertwright.data.parts import count_parts
from bertwright.errors import InputError
from bertwright.inference.inspection.findings import Findings, bytes_of, selected, verify_all
from bertwright.progress import Progress
from bertwright.training.checkpoint_store import CheckpointStore

_TRAIN = (
    *("step", *(words.figure("loss") for words in WORD_OBJECTIVES), "nsp_loss", "loss"),
    *("learning_rate", "tokens_per_second", "seconds"),
)
_EVALUATION = ("step", *FIGURES)
_SETTINGS_LIMIT = 1 << 20


def inspect_run(path: Path, progress: Progress | None = None) -> Findings:
    """A run folder: its settings, how far it came, and whether each checkpoint is sound.

    A damaged checkpoint is noted, and does not hide the others: the run may have a sound one besides.
    """
    last: dict[str, dict[str, Any]] = {}
    for record in durable.LogFile(path / "metrics.jsonl").records():
        last[str(record.get("kind"))] = record
    notes: list[str] = []
    checkpoints = []
    verified = 0
    store = CheckpointStore(path / "checkpoints")
    for step in store.steps():
        folder = store.folder / f"step-{step}"
        try:
            verified += verify_all(durable.read_manifest(folder, "checkpoint"), progress)
            checkpoints.append({"step": step, "sound": True})
        except InputError as problem:
            checkpoints.append({"step": step, "sound": False})
            notes.append(problem.message)
    facts: dict[str, Any] = {
        "finished": (path / "model").is_dir(),
        "last_training": selected(last.get("train", {}), _TRAIN),
        "last_evaluation": selected(last.get("evaluation", {}), _EVALUATION),
        "checkpoints": checkpoints,
        "settings": strict_json.load(path / "settings.json", max_bytes=_SETTINGS_LIMIT),
    }
    if not facts["finished"]:
        notes.append("not finished: bertwright pretrain --resume goes on")
    damaged = not all(checkpoint["sound"] for checkpoint in checkpoints)
    return Findings("run", path, facts, verified, tuple(notes), damaged)


def inspect_checkpoint(path: Path, progress: Progress | None = None) -> Findings:
    """One ``step-N`` folder.

    Raises:
        InputError: an unfinished save.
        DigestError: a file differs from the manifest.
    """
    manifest = durable.read_manifest(path, "checkpoint")
    verified = verify_all(manifest, progress)
    tensors = {
        name.removesuffix(".safetensors"): len(read_entries(path / name)[0])
        for name in manifest.files
        if name.endswith(".safetensors")
    }
    facts = {
        "step": manifest.fields.get("step"),
        "made_with": manifest.fields.get("facts", {}),
        "tensors": tensors,
        "bytes": bytes_of(manifest),
        "digest": manifest.digest,
    }
    return Findings("checkpoint", path, facts, verified)


def inspect_comparison(path: Path, progress: Progress | None = None) -> Findings:
    """What `bertwright compare` wrote.

    Raises:
        InputError: malformed.
        DigestError: a file differs from the manifest.
    """
    manifest = durable.read_manifest(path, KIND)
    verified = verify_all(manifest, progress)
    record = strict_json.load(path / RECORD, max_bytes=LARGEST_RECORD)
    facts = {
        "comparison": record["comparison"],
        "rows": [row["name"] for row in record["rows"]],
        "columns": [column["name"] for column in record["columns"]],
        "seeds": record["seeds"],
        "bytes": bytes_of(manifest),
        "digest": manifest.digest,
    }
    return Findings("comparison", path, facts, verified)


def inspect_unfinished(path: Path, _progress: Progress | None = None) -> Findings:
    """The ``OUTPUT.partial`` folder of long work, and how much of it is finished.

    That is parts of ``prepare`` and ``compare``, runs of ``finetune``, rows of ``embed`` and ``predict``.
    """
    request = strict_json.load(path / "request.json", max_bytes=strict_json.OWN_BYTES)
    if parts := count_parts(path):
        facts = {"parts": parts, "request": request}
        return Findings("unfinished work", path, facts, notes=("the same command goes on from there",))
    facts = {**_logged(path), "request": request}
    return Findings("unfinished work", path, facts, notes=("repeat the command with --resume to go on",))


def _logged(path: Path) -> dict[str, int]:
    """What the log of finished work counts; nothing where none is finished."""
    for log, name in (("runs.jsonl", "runs"), ("parts.jsonl", "parts")):
        if (path / log).exists():
            return {name: sum(1 for _ in durable.LogFile(path / log).records())}
    blocks = durable.LogFile(path / "blocks.jsonl")
    if not blocks.path.exists():
        return {}
    return {"rows": sum(int(record.get("rows", 0)) for record in blocks.records())}
