"""The kind ``classify``: one label for every row, or any number, as the file or the settings say."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.tables.columns import Columns, choose_table
from bertwright.tasks.classify.task import ClassifyTask
from bertwright.tasks.label.reading import holds_lists
from bertwright.tasks.label.task import LabelTask
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.task import Posed
from bertwright.tokenization.tokenizer import Tokenizer


class ClassifyKind:
    """The choice between the two."""

    default_length: ClassVar[int] = ClassifyTask.default_length

    @classmethod
    def pose(
        cls,
        path: Path,
        columns: Columns,
        tokenizer: Tokenizer,
        max_length: int,
        format: str,
        settings: FinetuneSettings,
    ) -> Posed[ClassifyTask] | Posed[LabelTask]:
        """The task that the training file ``path`` poses.

        Raises:
            TableError: the file is wrong.
        """
        several = settings.classify.asks_for_several
        if several is None:
            several = holds_lists(choose_table(path, columns, format=format))
        if several:
            return LabelTask.pose(path, columns, tokenizer, max_length, format, settings)
        return ClassifyTask.pose(path, columns, tokenizer, max_length, format, settings)

    @classmethod
    def of_folder(cls, folder: ModelFolder) -> ClassifyTask | LabelTask:
        """The task that ``folder`` was saved with.

        Raises:
            ModelError: what is stored is no classification task.
        """
        problem = (folder.task or {}).get("problem_type")
        if problem == "multi_label_classification":
            return LabelTask.of_folder(folder)
        return ClassifyTask.of_folder(folder)
