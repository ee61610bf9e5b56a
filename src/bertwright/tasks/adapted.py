"""What all kinds of tasks do alike: their network, and nothing to fit or to seal unless they say so."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from torch import nn

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import ModelError
from bertwright.model.task_model import TaskModel
from bertwright.tasks.batches import Features, TaskBatch
from bertwright.tasks.task import Outputs


class AdaptedEncoder(ABC):
    """A task as an encoder with one added output layer."""

    network: ClassVar[type[TaskModel]]

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """Outputs of the added layer."""

    def new_model(self, folder: ModelFolder, *, seed: int, from_scratch: bool = False) -> TaskModel:
        """The encoder of ``folder`` (or one of its shape with new weights) and a new output layer."""
        if from_scratch:
            config = folder.config.reading_rows() if self.network.pools else folder.config
            return self.network(config, self.num_outputs, seed=seed)
        return folder.new_task_model(self.network, self.num_outputs, seed=seed)

    def trained_model(self, folder: ModelFolder) -> TaskModel:
        """The network saved in ``folder``.

        Raises:
            ModelError: it has another output layer.
        """
        model = folder.task_model(self.network)
        if model.num_labels != self.num_outputs:
            got = f"one of {model.num_labels}"
            raise ModelError.at(folder.path, f"an output layer of {self.num_outputs} outputs", got)
        return model

    def sealed(self, model: nn.Module) -> Self:
        """Nothing is left to do."""
        return self

    def weight(self, batch: TaskBatch) -> float:
        """The number of rows."""
        return len(batch.input_ids)

    def truth(self, example: Any) -> Any:
        """The target as it is."""
        return example.target

    def fit(self, outputs: Outputs, features: Sequence[Features], examples: Sequence[Any]) -> Self:
        """Nothing is fitted."""
        return self
