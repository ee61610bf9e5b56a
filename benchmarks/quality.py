"""What the same time gives: our recipe, the paper's, and the example of transformers, on the same text.

    python -m benchmarks.quality -o FOLDER [--budget 30m] [--quick] [--json] [--plot FOLDER]

Three models with one vocabulary and one network, that of our ``--budget``; each is trained for the time, one
after the other. Ours is ``bertwright pretrain --budget`` as it comes; the paper's recipe is scaled to the
time (docs/recipes/original.toml); the example is run_mlm.py: documents joined and cut into blocks of 512, its
collator, its Trainer, all at their defaults. What is compared is the loss of masked words on the same
held-out documents (also of ours on its way: when was it as good?), and five tasks by ``bertwright compare``.
What is there in FOLDER is not made again; for another budget it needs another.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from rich.console import Console
from torch.utils.data import Dataset

from benchmarks.pretrained import prepared
from benchmarks.records import Records
from bertwright.checkpoints.model_folder import open_model
from bertwright.cli.console import table
from bertwright.data.store import TokenStore
from bertwright.model.config import BertConfig
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.evaluation import HeldOutEvaluation
from bertwright.pretraining.run_data import RunData
from bertwright.pretraining.step import PretrainingStep
from bertwright.reports.curves import Level, Line, draw
from bertwright.reports.drawing import ORANGE
from bertwright.training.ranks import Ranks

ROOT = Path(__file__).resolve().parents[1]
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the time of our run, after which a model is kept and measured."""
TIMES = {f"ours at {share:g}": share for share in SHARES} | {"ours": 1.0}
HELD_OUT = PretrainingSettings(steps=1, objective="mlm", sequence_length=128, long_share=0)
"""How the text is parted, and what the held-out instances are like; the parting is that of all runs."""
BLOCK, BATCH = 512, 8
"""Tokens and rows of the example, by its defaults."""
TRIAL_STEPS = 20


def main() -> None:
    """Everything that is not there yet, then the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--budget", default="30m", help="of each pre-training")
    parser.add_argument("--quick", action="store_true", help="fifteen seconds each on a small text, no tasks")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write an SVG of the losses")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    if options.quick:
        options.budget = "15s"
    language = "small" if options.quick else "en"
    request = {"budget": options.budget, "text": language}
    records = Records(options.output / "losses.jsonl", ["model"], request)
    store = prepared(options.output, language)
    models = dict(trained(options.output, store, options.budget))
    result = {"budget": options.budget, "models": measured(models, store, records)}
    if not options.quick:
        result["tasks"] = tasks(models, options.output)
    if options.plot:
        plot(result, options.plot)
    if options.json:
        print(json.dumps(result))
    else:
        show(result)


def trained(output: Path, store: Path, budget: str) -> Iterator[tuple[str, Path]]:
    """The three models, and the kept ones of ours, by name."""
    ours, paper, theirs = (output / name for name in ("ours", "paper", "transformers"))
    kept = f"milestones={json.dumps(SHARES)}"
    pretrain(ours, store, budget, "--set", kept)
    size = json.loads((ours / "settings.json").read_text(encoding="utf-8"))["size"]
    pretrain(paper, store, budget, "--size", size, *paper_recipe(), recipe="docs/recipes/original.toml")
    if not theirs.exists():
        seconds = HELD_OUT.model_validate({"budget": budget}).budget or 0.0
        by_trainer(store, open_model(ours / "model").config, theirs, seconds)
    yield "ours", ours / "model"
    yield "paper", paper / "model"
    yield "transformers", theirs
    for share in SHARES:
        yield f"ours at {share:g}", ours / "milestones" / f"{share:g}"


def paper_recipe() -> list[str]:
    """What runs by a time budget have otherwise than the paper."""
    values = {
        "opening_share": 0,
        "masked_lm_probability": 0.15,
        "adam_beta2": 0.999,
        "initializer_range": 0.02,
    }
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


def pretrain(run: Path, store: Path, budget: str, *more: str, recipe: str = "") -> None:
    """One command; a run that was stopped goes on."""
    if (run / "model").exists():
        return
    again = ["--resume"] if run.exists() else []
    command = ["pretrain", *filter(None, [recipe]), "--data", str(store), "-o", str(run), "--budget", budget]
    subprocess.run([sys.executable, "-m", "bertwright", *command, *more, *again], check=True, cwd=ROOT)


class Blocks(Dataset[dict[str, list[int]]]):
    """The documents of a store one behind the other, in pieces of one length."""

    def __init__(self, store: TokenStore, cls_id: int, sep_id: int) -> None:
        parts = []
        for number in range(store.num_documents):
            first, last = store.document_offsets[number : number + 2]
            bounds = store.sentence_offsets[[first, last]]
            parts += [[cls_id], store.tokens(*bounds), [sep_id]]
        flat = np.concatenate(parts).astype(np.int64)
        self._rows = flat[: len(flat) // BLOCK * BLOCK].reshape(-1, BLOCK)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        return {"input_ids": self._rows[index].tolist()}


def by_trainer(folder: Path, config: BertConfig, output: Path, seconds: float) -> None:
    """The example of transformers, from new weights, for so many seconds with all that comes before."""
    begun, store = time.monotonic(), TokenStore.open(folder)
    training, _ = store.split(HELD_OUT.held_out_share, HELD_OUT.seed)
    vocabulary = store.tokenizer().vocabulary
    blocks = Blocks(training, vocabulary.cls_id, vocabulary.sep_id)
    tokenizer = transformers.BertTokenizerFast.from_pretrained(folder)
    collator = transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)

    def new_trainer(steps: int) -> Any:
        values = config.model_copy(update={"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1})
        transformers.set_seed(42)
        model = transformers.BertForMaskedLM(transformers.BertConfig(**values.to_dict()))
        arguments = transformers.TrainingArguments(
            output_dir=str(output) + ".work",
            max_steps=steps,
            per_device_train_batch_size=BATCH,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            logging_steps=10**9,
            use_cpu=not torch.cuda.is_available(),
        )
        return transformers.Trainer(model, arguments, data_collator=collator, train_dataset=blocks)

    trial = time.monotonic()
    new_trainer(TRIAL_STEPS).train()
    a_step = (time.monotonic() - trial) / TRIAL_STEPS
    left = max(seconds / 2, seconds - (time.monotonic() - begun))
    trainer = new_trainer(max(1, int(left / a_step)))
    trainer.train()
    trainer.save_model(str(output))
    tokenizer.save_pretrained(str(output))


def measured(models: Mapping[str, Path], store: Path, records: Records) -> dict[str, float]:
    """The loss of masked words of every model on the same held-out instances."""
    data = RunData.read(store, None, HELD_OUT)
    for name, folder in models.items():
        if (name,) not in records.found:
            records.add({"model": name, "loss": held_out_loss(folder, data)})
    return {name: records.found[name,]["loss"] for name in models}


def held_out_loss(folder: Path, data: RunData) -> float:
    """Of masked words, in nats."""
    model = open_model(folder).pretraining_model(require=("masked_language",)).eval()
    step = PretrainingStep(torch.device("cpu"), HELD_OUT.asks.words)
    evaluation = HeldOutEvaluation(model, data.held_out, step, Ranks(), HELD_OUT.evaluation_instances)
    with torch.inference_mode():
        return evaluation(last=True)["mlm_loss"]


def tasks(models: Mapping[str, Path], output: Path) -> dict[str, dict[str, float]]:
    """Means over the seeds, by model and task."""
    folder = output / "tasks"
    if not (folder / "comparison.json").exists():
        named = [f"arms.{name}.model={models[name]}" for name in ("ours", "paper", "transformers")]
        settings = [word for value in named for word in ("--set", value)]
        recipe = str(Path(__file__).with_suffix(".toml"))
        command = [sys.executable, "-m", "bertwright", "compare", "pretraining", recipe, "-o", str(folder)]
        subprocess.run([*command, "--workers", "2", "--resume", *settings], check=True, cwd=ROOT)
    record = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    return {
        row["name"]: {name: score["mean"] for name, score in row["scores"].items()} for row in record["rows"]
    }


def reached(losses: Mapping[str, float]) -> float | None:
    """The share of its time after which ours was as good as the example at its end."""
    return next((at for name, at in TIMES.items() if losses[name] <= losses["transformers"]), None)


def plot(result: Mapping[str, Any], folder: Path) -> None:
    """The loss on held-out text: ours on its way, the others at their end."""
    losses = result["models"]
    times = [100 * share for share in TIMES.values()]
    lines = [Line("bertwright pretrain --budget", times, [losses[name] for name in TIMES], marker=True)]
    levels = [
        Level("the example of transformers, at its end", losses["transformers"], ORANGE),
        Level("the paper's recipe, at its end", losses["paper"]),
    ]
    title = f"Loss of masked words on held-out text, {result['budget']} each"
    svg = draw(title, lines, levels, x_label="per cent of the time")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quality.svg").write_text(svg, encoding="utf-8")


def show(result: dict[str, Any]) -> None:
    """The table, for a terminal."""
    losses, scores = result["models"], result.get("tasks", {})
    names = list(next(iter(scores.values()), {}))
    rows = []
    for model in ("ours", "paper", "transformers"):
        own = scores.get(model, {})
        mean = f"{100 * statistics.fmean(own.values()):.1f}" if own else ""
        rows.append([model, f"{losses[model]:.3f}", *(f"{100 * own[name]:.1f}" for name in names), mean])
    columns = ["", "loss", *names, "mean"]
    shown = table(f"{result['budget']} each", columns, rows, right=range(1, len(columns)))
    share = reached(losses)
    when = "never" if share is None else f"after at most {share:.0%} of the time"
    console = Console(width=110)
    console.print(shown)
    console.print(f"ours as good as the example at its end: {when}")


if __name__ == "__main__":
    main()
