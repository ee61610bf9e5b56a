"""The recipe of fine-tuning: the paper's values, and what they become for a small encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bertwright.config.settings import Settings
from bertwright.errors import SettingsError
from bertwright.model.config import BertConfig
from bertwright.tasks.answer.settings import AnswerSettings
from bertwright.tasks.choose.settings import ChooseSettings
from bertwright.tasks.classify.settings import ClassifySettings
from bertwright.tasks.feature_settings import FeatureSettings
from bertwright.tasks.regress.settings import RegressSettings
from bertwright.tasks.tag.settings import TagSettings
from bertwright.training.choices import DeviceName, OptimizerName, PrecisionName
from bertwright.training.schedule import DecayShape

if TYPE_CHECKING:
    from bertwright.tasks.task import Task

PAPER_RATE = 5e-5
COMPACT_RATE = 3e-4
FROZEN_RATE = 1e-3
PAPER_GRID = (5e-5, 4e-5, 3e-5, 2e-5)
PAPER_BATCHES = (16, 32)
PAPER_EPOCHS = (2, 3, 4)
COMPACT_GRID = (3e-4, 1e-4, 5e-5, 3e-5)
FROZEN_GRID = (3e-3, 1e-3, 3e-4, 1e-4)
COMPACT_WIDTH = 512


FREE_TO_CHANGE = frozenset({"checkpoint_interval"})
"""Settings that change nothing of the result, and so may differ when a run is resumed."""

WITHOUT_FEATURES = (
    *("batch_size", "epochs", "learning_rate", "patience", "dropout", "weight_decay", "from_scratch"),
    *("freeze", "freeze_layers", "layer_decay", "warmup", "schedule", "max_gradient_norm"),
    *("optimizer", "adam_epsilon", "evaluations_per_epoch", "precision", "micro_batch_size"),
    *("group_by_length", "restarts", "top", "top_size"),
)
"""Settings of fine-tuning that mean nothing to the method ``features``."""


class SearchSettings(Settings):
    """The grid of a search: every combination is tried with one seed.

    What is not given here is as the setting of the same name, if that is given, and else as said below.
    """

    learning_rates: list[Annotated[float, Field(gt=0, le=1)]] | None = None
    """By default 5e-5, 4e-5, 3e-5 and 2e-5 (the paper); 3e-4, 1e-4, 5e-5 and 3e-5 for encoders narrower than
    512 (the grid published with BERT's compact models); 3e-3, 1e-3, 3e-4 and 1e-4 for frozen ones."""
    batch_sizes: list[Annotated[int, Field(ge=1)]] | None = None
    """Rows an update; by default 16 and 32."""
    epochs: list[Annotated[int, Field(ge=1)]] | None = None
    """Lengths of the run, by default 2, 3 and 4. Each is a run of its own, at whose end the rate is zero."""


class FinetuneSettings(Settings):
    """How a pre-trained encoder is adapted to a task."""

    method: Literal["finetune", "features"] = "finetune"
    """``finetune`` trains everything. ``features`` runs the encoder once and trains a small model on its
    vectors, as ``features`` below says; batches, rates and epochs are then those of ``features``."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Rows an update."""
    group_by_length: bool = False
    """Let rows of similar length share a batch, which on a GPU saves padding (on a CPU none is computed).
    By default a batch is a sample of all rows, as in the paper."""
    micro_batch_size: Annotated[int, Field(ge=1)] | None = None
    """Rows (``choose``: questions) that go through the network at once, where a batch does not fit into the
    memory. Gradients are added up: the update is that of the whole batch, but for the dropout drawn."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """Highest learning rate. By default 5e-5, the first of the paper's grid; 3e-4 for encoders narrower than
    512, the first of the grid published with BERT's compact models; 1e-3 when the encoder is frozen."""
    epochs: Annotated[int, Field(ge=1)] = 3
    """Passes over the training rows."""
    rows: Annotated[int, Field(ge=1)] | None = None
    """At most so many training rows (sentences, questions), drawn with a fixed seed; None takes all."""
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the updates in which the learning rate rises from zero; then it falls linearly to zero."""
    optimizer: OptimizerName = "adamw"
    """``adamw`` corrects the moments' bias, without which small data often fail; ``bert-adam`` does not."""
    adam_epsilon: Annotated[float, Field(gt=0, le=1)] = 1e-6
    """Added to the root of the second moment; the Trainer of transformers has 1e-8."""
    schedule: DecayShape = "continuous"
    """``original`` is what google-research/bert does: the rate drops at the end of the warm-up."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Decoupled weight decay, of matrices only."""
    max_gradient_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients are scaled down to this norm."""
    max_length: Annotated[int, Field(ge=3)] | None = None
    """Longest row in pieces, with [CLS] and [SEP]. By default 128 (``answer``: 384, ``choose``: 256), or
    the model's positions if fewer."""
    top: Literal["none", "bilstm"] = "none"
    """What stands between encoder and output layer: ``bilstm`` is a new two-layer BiLSTM, trained with them,
    as the paper puts on its left-to-right model. Other libraries open such a model's encoder alone."""
    top_size: Annotated[int, Field(ge=1)] | None = None
    """Numbers in each direction of that BiLSTM; by default 768, or the hidden size if less."""
    freeze: bool = False
    """Train the output layer (and ``top``) only; the encoder keeps its weights."""
    freeze_layers: Annotated[int, Field(ge=0)] = 0
    """Keep the embeddings and so many of the lowest layers as they are."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Layer-wise decay d of the learning rate: of L layers the i-th from below, from 0, learns at d^(L - i)
    of the rate, the embeddings at d^(L + 1), pooler and output layer at the whole. 1 is the same for all."""
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Of hidden states, attention and the output layer; None is what the model's ``config.json`` says."""
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None = None
    """What each class counts in the loss of ``classify``: ``balanced`` is rows / (classes * rows of the
    class); a class that a table leaves out counts 1."""
    evaluations_per_epoch: Annotated[int, Field(ge=1)] = 1
    """How often the development rows are scored; the best is what is saved."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """End a run after so many evaluations without a new best; None never does."""
    from_scratch: bool = False
    """Start from new weights in the encoder's shape: what pre-training is worth is the difference."""
    device: DeviceName = "auto"
    """Where to train; auto takes a GPU if there is one."""
    precision: PrecisionName = "auto"
    """Of the matrix products in training; evaluation is always in fp32."""
    metric: str | None = None
    """What decides which epoch and which seed is best; by default the task's first metric."""
    restarts: Annotated[int, Field(ge=0)] = 2
    """How often a run that learned nothing is started again with other chance."""
    checkpoint_interval: Annotated[float, Field(gt=0)] = 60.0
    """Seconds of work that an interruption may cost; what is done so far stands beside OUTPUT."""
    search: SearchSettings = SearchSettings()
    """What ``--search`` tries."""
    features: FeatureSettings = FeatureSettings()
    """Of the method ``features``."""
    answer: AnswerSettings = AnswerSettings()
    """Of the task ``answer``."""
    classify: ClassifySettings = ClassifySettings()
    """Of the task ``classify``."""
    choose: ChooseSettings = ChooseSettings()
    """Of the task ``choose``."""
    regress: RegressSettings = RegressSettings()
    """Of the task ``regress``."""
    tag: TagSettings = TagSettings()
    """Of the task ``tag``."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.freeze or self.freeze_layers) and self.from_scratch:
            name = "freeze" if self.freeze else "freeze_layers"
            raise ValueError(f"{name} and from_scratch: new weights are nothing worth freezing")
        if self.top_size is not None and self.top == "none":
            raise ValueError(f"top_size: expected none without top, got {self.top_size}")
        if self.method == "features":
            self._check_features()
        return self

    def _check_features(self) -> None:
        """Nothing that was asked for may be passed over, also where it is fine-tuning's default."""
        for name in WITHOUT_FEATURES:
            value = getattr(self, name) if name in self.model_fields_set else None
            if value is not None and value is not False:
                own = name in FeatureSettings.model_fields
                hint = f"say features.{name}" if own else "it is for fine-tuning"
                raise ValueError(f"{name}: expected nothing with the method features ({hint})")

    def rate_for(self, config: BertConfig) -> float:
        """The learning rate for an encoder of this shape."""
        if self.learning_rate is not None:
            return self.learning_rate
        if self.freeze:
            return FROZEN_RATE
        return COMPACT_RATE if config.hidden_size < COMPACT_WIDTH else PAPER_RATE

    def grid_for(self, config: BertConfig) -> list[FinetuneSettings]:
        """What a search tries, in order: rates within batch sizes within numbers of epochs."""
        compact = config.hidden_size < COMPACT_WIDTH
        usual = FROZEN_GRID if self.freeze else COMPACT_GRID if compact else PAPER_GRID
        return [
            self.model_copy(update={"epochs": epochs, "batch_size": batch_size, "learning_rate": rate})
            for epochs in self._tried("epochs", self.search.epochs, PAPER_EPOCHS)
            for batch_size in self._tried("batch_size", self.search.batch_sizes, PAPER_BATCHES)
            for rate in self._tried("learning_rate", self.search.learning_rates, usual)
        ]

    def _tried(self, name: str, listed: Sequence[Any] | None, usual: Sequence[Any]) -> Sequence[Any]:
        """The values of one setting: those that are listed, or the one that was asked for, or the usual."""
        asked = getattr(self, name) if name in self.model_fields_set else None
        return listed or (usual if asked is None else (asked,))

    def check_depth(self, config: BertConfig) -> None:
        """Refuse to freeze more layers than there are.

        Raises:
            SettingsError: saying how many there are.
        """
        layers = config.num_hidden_layers
        if self.freeze_layers > layers:
            raise SettingsError(
                f"freeze_layers: expected at most {layers}, the model's layers, got {self.freeze_layers}"
            )

    def length_for(self, config: BertConfig, default: int) -> int:
        """The longest row for an encoder of this shape; ``default`` is the task's own.

        Raises:
            SettingsError: ``max_length`` is more than the encoder has positions.
        """
        positions = config.max_position_embeddings
        if self.max_length is not None and self.max_length > positions:
            raise SettingsError(
                f"max_length: expected at most {positions}, the model's positions, got {self.max_length}"
            )
        return self.max_length or min(default, positions)


def check_recipe(settings: FinetuneSettings, task: Task[Any], config: BertConfig) -> None:
    """Refuse what this task or an encoder of this shape has not, before any work.

    Raises:
        SettingsError: naming the setting.
    """
    settings.check_depth(config)
    settings.length_for(config, task.default_length)
    deciding_metric(settings, task)
    if settings.class_weights is not None and not hasattr(task, "class_weights"):
        raise SettingsError(f"class_weights: expected a task with one class a row, got {task.kind}")


def deciding_metric(settings: FinetuneSettings, task: Task[Any]) -> str:
    """The metric that decides: as asked for, or the task's first.

    Raises:
        SettingsError: the task has none of that name.
    """
    metric = settings.metric or task.metric_names[0]
    if metric not in task.metric_names:
        raise SettingsError(f"metric: expected one of {', '.join(task.metric_names)}, got {metric}")
    return metric
