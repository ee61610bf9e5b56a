"""What pre-training is worth on every labelled task: majority, from scratch, frozen features, fine-tuned.

    python -m benchmarks.downstream RUN/model --language en -o table.jsonl [--tasks SST-2 MRPC] [--seeds 3]

Every result is written when it is there; run again with the same output it goes on behind the last, of other
tasks and ways, too, but of another model, number of seeds or number of rows it does not. With
``--jobs`` several are worked on at once (a GPU has room for a dozen). Training files are cut to the number of
rows given in ``labelled_data.py`` (or fewer: ``--most-rows``), drawn with a fixed seed; development files
are whole unless ``--most-dev-rows`` is given. The same recipe for all tasks: see ``settings_for``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from scipy import stats

from benchmarks.labelled_data import CHINESE, ENGLISH, TASKS, LabelledData
from benchmarks.records import Record, Records, mean_and_deviation
from bertwright.checkpoints.model_folder import open_model
from bertwright.cli.console import table
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.summary import FinetuneSummary

WAYS = ("scratch", "features", "tuned")
KEYS = ("task", "way")
"""What a record is known by."""

SIGNIFICANT = 0.05


def main() -> None:
    """Run the rows that are not there yet, then print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--language", choices=["en", "zh"], default="en")
    parser.add_argument("--tasks", nargs="+", choices=TASKS)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most-rows", type=int, help="cut every training file to at most so many rows")
    parser.add_argument("--most-dev-rows", type=int, help="cut every development file to at most so many")
    parser.add_argument("--jobs", type=int, default=1, help="processes at work at once")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--markdown", action="store_true", help="the table as Markdown on stdout")
    parser.add_argument("-o", "--output", type=Path, required=True, help="rows as JSON lines")
    options = parser.parse_args()
    names = options.tasks or list(ENGLISH if options.language == "en" else CHINESE)
    records = Records(options.output, KEYS, request(options))
    left = [(name, way) for name in names for way in options.ways if (name, way) not in records.found]
    for record in results(left, options):
        records.add(record)
        scores = mean_and_deviation(record["scores"])
        Console(stderr=True).print(f"{record['task']}, {record['way']}: {scores}, {record['seconds']:.0f} s")
    rows = rows_of(names, records.found)
    if options.json:
        print(json.dumps({"rows": rows, **verdict(rows)}))
    elif options.markdown:
        print(markdown(rows))
    else:
        show(rows)


def request(options: argparse.Namespace) -> dict[str, Any]:
    """What every record depends on."""
    names = ("seeds", "most_rows", "most_dev_rows")
    return {"model": open_model(options.model).digest, **{name: getattr(options, name) for name in names}}


def results(left: Sequence[tuple[str, str]], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The records of ``left``, as they become ready; side by side, the longest begin first."""
    if options.jobs == 1:
        yield from (measure(name, TASKS[name], way, options) for name, way in left)
        return
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        longest_first = sorted(left, key=lambda item: (-_effort(TASKS[item[0]]), item[1] == "features"))
        running = [pool.submit(measure, name, TASKS[name], way, options) for name, way in longest_first]
        yield from (ready.result() for ready in as_completed(running))


def _effort(task: LabelledData) -> int:
    """Roughly how many positions it trains on."""
    return task.rows * task.epochs * task.max_length


def rows_of(names: Sequence[str], found: Mapping[tuple[Any, ...], Record]) -> list[dict[str, Any]]:
    """One row a task: the scores of every way that was measured."""
    rows = []
    for name in names:
        ways = {way: found[name, way] for way in WAYS if (name, way) in found}
        if ways:
            shared = next(iter(ways.values()))
            row = {key: shared[key] for key in ("task", "kind", "metric", "train_rows", "rows", "majority")}
            row |= {way: record["scores"] for way, record in ways.items()}
            rows.append(row | {"seconds": sum(record["seconds"] for record in ways.values())})
    return rows


def measure(name: str, task: LabelledData, way: str, options: argparse.Namespace) -> dict[str, Any]:
    """The deciding metric of every seed in one of the ways."""
    begun = time.monotonic()
    count = min(task.rows, options.most_rows or task.rows)
    with tempfile.TemporaryDirectory() as folder:
        files = task.files(count, options.most_dev_rows, Path(folder))
        summary = tune(way, task, files, Path(folder), options)
    return {
        "task": name,
        "way": way,
        "kind": task.kind,
        "metric": task.metric,
        "train_rows": summary.train_rows,
        "rows": summary.rows,
        "truncated": summary.truncated,
        "majority": summary.baseline.get(task.metric, 0.0),
        "scores": [run.metrics[task.metric] for run in summary.runs],
        "learning_rate": summary.learning_rate,
        "stuck": [run.seed for run in summary.runs if run.stuck],
        "seconds": round(time.monotonic() - begun, 1),
    }


def tune(
    way: str, task: LabelledData, files: tuple[Path, Path], folder: Path, options: argparse.Namespace
) -> FinetuneSummary:
    """All seeds of one way."""
    return finetune(
        options.model,
        kind=task.kind,
        train=files[0],
        dev=files[1],
        output=folder / way,
        columns=task.columns,
        settings=settings_for(way, task),
        seeds=range(options.seeds),
    )


def settings_for(way: str, task: LabelledData) -> FinetuneSettings:
    """The defaults, but for the task's length, epochs and metric; no way has more than one chance."""
    tuned = {"epochs": task.epochs, "from_scratch": way == "scratch", "restarts": 0}
    own = {"method": "features"} if way == "features" else tuned
    return FinetuneSettings.model_validate(
        {**own, "max_length": task.max_length, "metric": task.metric, **task.settings}
    )


def verdict(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """On how many rows fine-tuning is ahead of from scratch, and where it is significantly behind."""
    both = [row for row in rows if "tuned" in row and "scratch" in row]
    ahead = [row["task"] for row in both if _mean(row["tuned"]) > _mean(row["scratch"])]
    behind = [row["task"] for row in both if _mean(row["tuned"]) < _mean(row["scratch"]) and _differ(row)]
    return {"ahead": len(ahead), "of": len(both), "significantly_behind": behind}


def _differ(row: dict[str, Any]) -> bool:
    """Welch's t-test over the seeds."""
    return bool(stats.ttest_ind(row["tuned"], row["scratch"], equal_var=False).pvalue < SIGNIFICANT)


COLUMNS = ("task", "metric", "rows", "majority", "from scratch", "features", "fine-tuned", "s")


def cells(row: dict[str, Any]) -> list[str]:
    """A line of the table."""
    return [
        row["task"],
        row["metric"],
        f"{row['train_rows']:,}",
        f"{row['majority']:.3f}",
        *(mean_and_deviation(row[way]) if way in row else "" for way in WAYS),
        f"{row['seconds']:.0f}",
    ]


def conclusion(rows: Sequence[dict[str, Any]]) -> str:
    """What the table comes to, in a sentence."""
    result = verdict(rows)
    behind = ", ".join(result["significantly_behind"]) or "none"
    return (
        f"fine-tuned ahead of from scratch on {result['ahead']} of {result['of']} rows; "
        f"significantly behind on: {behind}"
    )


def show(rows: Sequence[dict[str, Any]]) -> None:
    """The table and the conclusion, for a terminal."""
    console = Console(width=120)
    title = "development rows, mean and deviation over seeds"
    console.print(table(title, list(COLUMNS), [cells(row) for row in rows], right=range(2, 8)))
    console.print(conclusion(rows))


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The table and the conclusion, for a document."""
    lines = [COLUMNS, ["---", "---", *["---:"] * 6], *map(cells, rows)]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), "", conclusion(rows)])


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values)


if __name__ == "__main__":
    main()
