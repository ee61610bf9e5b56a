"""What a conversion costs on labelled rows: a metric of the source, and the same of the result.

Axes: N rows, D numbers of a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import TableError
from bertwright.export.folder import open_for_use
from bertwright.inference.embedding import embed
from bertwright.tables.columns import Columns
from bertwright.tasks.kinds import open_task
from bertwright.tasks.outputs import run_model
from bertwright.tasks.regress.metrics import regression_metrics
from bertwright.tasks.regress.task import RegressTask
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.stored_model import stored_model

SIMILARITY = "spearman of cosine similarity"


@dataclass(frozen=True)
class Loss:
    """A metric before and after; more is better."""

    metric: str
    before: float
    after: float
    rows: int
    file: str

    @property
    def points(self) -> float:
        """Hundredths that were lost; below 0 what was won."""
        return 100 * (self.before - self.after)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "metric": self.metric,
            "before": self.before,
            "after": self.after,
            "lost_points": self.points,
            "rows": self.rows,
            "file": self.file,
        }


def measure(source: ModelFolder, result: Path, file: Path) -> Loss:
    """The metric that decides about the source's task, of source and result on the rows of ``file``.

    A model without a task is asked for vectors: ``file`` then has pairs of texts with a number, and the
    metric is Spearman's correlation of the number with the cosine of the vectors.

    Args:
        result: a folder of the same model in another form.

    Raises:
        TableError: ``file`` is wrong, or is not of the task.
    """
    source, other = source.for_use(), open_for_use(result).for_use()
    if source.task is None:
        return _similarity(source, other, file)
    task = open_task(source)
    labelled = task.read(file)
    features = task.encode(labelled.examples)
    metric = str(source.task.get("metric") or task.metric_names[0])
    values = []
    for folder in (source, other):
        network = stored_model(task, folder)
        outputs = run_model(network, features, task.tokenizer.vocabulary.pad_id)
        values.append(float(task.score(outputs, features, labelled.examples)[metric]))
    return Loss(metric, values[0], values[1], len(labelled.examples), file.name)


def _similarity(source: ModelFolder, result: ModelFolder, file: Path) -> Loss:
    positions = source.config.max_position_embeddings
    posed = RegressTask.pose(file, Columns(), source.tokenizer, positions, "auto", FinetuneSettings())
    if posed.task.columns.text_pair is None:
        hint = "name their columns sentence1, sentence2 and score"
        raise TableError.at(file, "pairs of texts with a number", "single texts", hint=hint)
    pairs = [example.texts for example in posed.train.examples]
    truth = np.array([example.target for example in posed.train.examples], dtype=np.float64)
    values = []
    for folder in (source, result):
        encoder = folder.encoder()
        first, second = (
            embed(encoder, folder.tokenizer, [pair[side] for pair in pairs], folder.sentences).vectors
            for side in (0, 1)
        )
        values.append(regression_metrics(truth, _cosines(first, second))["spearman"])
    return Loss(SIMILARITY, values[0], values[1], len(pairs), file.name)


def _cosines(first: Any, second: Any) -> Any:
    """(N,) of two times (N, D)."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / lengths
