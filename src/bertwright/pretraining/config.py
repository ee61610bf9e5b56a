"""The settings of a pre-training run (appendix A.2 of the paper, in the paper's words)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bertwright.config.settings import Settings
from bertwright.data.instance_settings import InstanceSettings, more_than_all
from bertwright.data.objectives import (
    LEFT_TO_RIGHT,
    NEXT_SENTENCE,
    OBJECTIVES,
    PUBLISHED,
    SENTENCE_ORDER,
    TWO_WAYS,
    Objective,
    ObjectiveName,
)
from bertwright.errors import SettingsError
from bertwright.model.bilm_config import LAYERS, BilmConfig
from bertwright.model.config import BertConfig, Size
from bertwright.pretraining.duration import Duration
from bertwright.pretraining.meaningless import OF_MASKING, meaningless
from bertwright.pretraining.phases import OPENING_BATCHES, OPENING_CONTRAST, OPENING_SHARE, Phase
from bertwright.pretraining.sizes import BATCH_SIZES, LEARNING_RATES
from bertwright.training.choices import DeviceName, OptimizerName, PrecisionName
from bertwright.training.schedule import DecayShape

LENGTHS = ("steps", "epochs", "budget")
"""How long a run is: exactly one of these is given."""

FREE_TO_CHANGE = frozenset(
    {"keep", "checkpoint_every", "checkpoint_interval", "milestones", "tensorboard", "init", "shard"}
)
"""Settings that change nothing of the result, and so may differ when a run is resumed. Of ``init`` this is
the place: that it is the same model is seen from its digest."""

_OF_A_NEW_NETWORK = (
    "size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "hidden_act",
    "initializer_range",
)
"""Settings that a model which is gone on from has decided."""

ANY_VOCABULARY = 30_522
"""For the network's sizes before the store's vocabulary is known."""
WARMUP_STEPS = 10_000
MICRO_BATCH_TOKENS = 8192
EVERY_TOKEN_SHARE = 4
"""Where every token is predicted, a fourth of the tokens fills the memory that logits take."""
RECURRENT_SHARE = 2
"""LSTMs take position after position, so that few rows leave the processor idle: with 4 of 256 tokens a token
takes 1.6 times as long as with 16. They have more rows, and four times the logits."""


def _heads(width: int) -> int:
    """One per 64; where that does not divide ``width`` as many as make heads nearest to 64 wide, in ratio."""
    divisors = (number for number in range(1, width + 1) if width % number == 0)
    return min(divisors, key=lambda number: (number != width // 64, abs(math.log(width / number / 64))))


class PretrainingSettings(Settings):
    """Everything that decides a run. What is None has a default that depends on size or length of the run."""

    # how long
    steps: int | None = Field(default=None, ge=1, le=10**9)
    """Number of updates (the paper: 1,000,000). Exactly one of steps, epochs and budget is given."""
    epochs: float | None = Field(default=None, gt=0, le=10**6)
    """Number of passes over the training text."""
    budget: Duration | None = None
    """Wall-clock time for the whole run, such as 30m or 2h; the schedule ends when it does."""

    # the network
    init: str | None = None
    """A model folder to go on from, in place of a new network; its sizes are the network's."""
    size: Size | None = None
    """The published size: tiny, mini, small, medium, base or large. None is base, and for runs by a time
    budget what learns most in it, by the speed of the machine and the length of the text."""
    hidden_size: int | None = Field(default=None, ge=1)
    """Width; None is that of the size."""
    num_hidden_layers: int | None = Field(default=None, ge=1)
    """Layers; None is that of the size (bilm: 2)."""
    num_attention_heads: int | None = Field(default=None, ge=1)
    """Attention heads; None is that of the size, or one per 64 of a changed width (as near as divides it)."""
    intermediate_size: int | None = Field(default=None, ge=1)
    """Width inside the feed-forward sub-layer (bilm: cells of a layer); None is four times hidden_size."""
    max_position_embeddings: int = Field(default=512, ge=8, le=8192)
    """Longest sequence that the network can ever read."""
    hidden_act: str = "gelu_pytorch_tanh"
    """Activation; gelu_pytorch_tanh is the original's."""
    dropout: float | None = Field(default=None, ge=0, lt=1)
    """Of hidden states and attention; None is the paper's 0.1, and 0 for runs by a time budget."""
    initializer_range: float | None = Field(default=None, gt=0, le=1)
    """Spread of the initial weights; None is the original's 0.02, and 0.02 * sqrt(768 / hidden_size) for runs
    by a time budget (bilm: of the embeddings, 1 / sqrt(hidden_size / 2))."""

    # what it learns from
    objective: ObjectiveName = PUBLISHED
    """mlm+nsp (the paper), mlm alone, mlm+sop (the order of two segments), clm (left-to-right: the next
    token at every position; attention sees the past alone, also when fine-tuned), or bilm (as ELMo: two
    shallow LSTMs of hidden_size / 2, one for the next token, one for the previous one, used as features)."""
    opening_sequence_length: int = Field(default=32, ge=8, le=8192)
    """Tokens of an instance in the opening, whose updates have twice as many instances as the others."""
    opening_share: float | None = Field(default=None, ge=0, lt=1)
    """Share of the updates in the opening; None is 0, and 0.6 for new networks by a time budget, where
    sequence_length is at least four times opening_sequence_length."""
    sequence_length: int = Field(default=128, ge=8, le=8192)
    """Tokens of an instance in the phase behind the opening, and of those that are held out."""
    long_sequence_length: int = Field(default=512, ge=8, le=8192)
    """Tokens of an instance in the last phase."""
    long_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the updates behind the opening that the last phase has; 0 for none."""
    short_sequence_probability: float = Field(default=0.1, ge=0, le=1)
    """Share of document passes that aim at a shorter length."""
    masked_lm_probability: float | None = Field(default=None, gt=0, lt=1)
    """Share of an instance's tokens that are predicted; None is the paper's 0.15, and 0.25 for runs by a time
    budget. Evaluation always predicts 15 %, as the paper masks them."""
    mask_share: float = Field(default=0.8, ge=0, le=1)
    """Share of those that become [MASK]."""
    random_share: float = Field(default=0.1, ge=0, le=1)
    """Share of those that become a random token."""
    whole_word: bool = False
    """Mask all pieces of a word or none; words are those that `prepare --words` found, else what has blanks
    around it. Evaluation masks single pieces."""
    held_out_share: float = Field(default=0.02, gt=0, le=0.5)
    """Share of the documents kept for evaluation."""

    # how it learns
    batch_size: int | None = Field(default=None, ge=1, le=2**20)
    """Instances of an update, over all ranks and micro-batches; None goes by size (base: 256)."""
    micro_batch_size: int | None = Field(default=None, ge=1)
    """Instances that go through the network at once, of the opening twice as many; None is what holds about
    8,192 tokens (clm: 2,048, bilm: 4,096)."""
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    """Peak rate; None goes by size (base: 1e-4)."""
    warmup_share: float | None = Field(default=None, ge=0, lt=1)
    """Share of the run in which the rate rises; None is the paper's 10,000 updates, at most a tenth."""
    schedule: DecayShape = "continuous"
    """continuous, or original (where the rate drops when the warm-up ends)."""
    optimizer: OptimizerName = "adamw"
    """adamw (fused), or bert-adam (the original's, without bias correction)."""
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    """Of matrices; biases and LayerNorm do not decay."""
    adam_beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay rate of the first moment."""
    adam_beta2: float | None = Field(default=None, ge=0, lt=1)
    """Decay rate of the second moment; None is the paper's 0.999, and 0.98 for runs by a time budget."""
    adam_epsilon: float = Field(default=1e-6, gt=0, le=1)
    """Added to the root of the second moment."""
    max_gradient_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this global norm."""
    seed: int = Field(default=12345, ge=0, le=2**63 - 1)
    """Everything random is a function of it."""

    # on what
    device: DeviceName = "auto"
    """auto is the GPU where there is one."""
    precision: PrecisionName = "auto"
    """Of matrix products: auto is bf16 where the hardware is faster at it; weights are always fp32."""
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile; auto is on for GPUs."""

    shard: bool = False
    """Under torchrun: share weights, gradients and moments out among the ranks (FSDP2), for a network that no
    device can hold with its gradients and moments."""

    # what it tells and keeps
    log_every: int = Field(default=10, ge=1)
    """Updates between two lines of metrics.jsonl."""
    evaluations: int = Field(default=10, ge=0, le=10_000)
    """Evaluations at equal shares of the run, the one at its end included; 0 leaves that one alone."""
    evaluate_every: int | None = Field(default=None, ge=1)
    """Updates between two evaluations, instead of a number of them."""
    evaluation_instances: int = Field(default=512, ge=1)
    """Held-out instances of an evaluation on the way; the last one takes four times as many."""
    checkpoint_every: int | None = Field(default=None, ge=1)
    """Updates between two checkpoints; None goes by checkpoint_interval alone."""
    checkpoint_interval: Duration = 600.0
    """Longest time without a checkpoint."""
    keep: int = Field(default=2, ge=2, le=1000)
    """Checkpoints that are kept; with a single one a damaged file would end the run."""
    milestones: list[Annotated[float, Field(gt=0, lt=1)]] | None = None
    """Shares of the run, e.g. [0.25, 0.5], after which the model so far is kept as RUN/milestones/SHARE."""
    tensorboard: bool = True
    """Also write TensorBoard files when it is installed."""

    @model_validator(mode="after")
    def _consistent(self) -> PretrainingSettings:
        found = list(self._contradictions())
        if found:
            raise ValueError("; ".join(found))
        return self

    def _contradictions(self) -> Iterator[str]:
        given = [name for name in LENGTHS if getattr(self, name) is not None]
        if len(given) != 1:
            yield f"expected one of steps, epochs, budget (--budget 30m), got {' and '.join(given) or 'none'}"
        longest = max(phase.length for phase in self.phases)
        if self.init is not None:
            fields = type(self).model_fields
            changed = [name for name in _OF_A_NEW_NETWORK if getattr(self, name) != fields[name].default]
            yield from (f"{name}: expected none with init, whose network it is" for name in changed)
        elif longest > self.max_position_embeddings:
            yield (
                f"sequence length: expected at most max_position_embeddings {self.max_position_embeddings}, "
                f"got {longest}"
            )
        if self.opening and self.opening_sequence_length > self.phases[1].length:
            yield (
                f"opening_sequence_length: expected at most the length of the phase behind it, got "
                f"{self.opening_sequence_length} (or opening_share=0 for none)"
            )
        if 0 < self.long_share < 1 and self.long_sequence_length < self.sequence_length:
            yield (
                f"long_sequence_length: expected at least sequence_length {self.sequence_length}, "
                f"got {self.long_sequence_length} (or long_share=0 for a single phase)"
            )
        yield from more_than_all(self.mask_share, self.random_share)
        if self.recurrent and self.shard:
            yield "shard: expected false with bilm, whose layers cannot be shared out"
        for names, reason in meaningless(self.objective):
            fields = type(self).model_fields
            changed = [name for name in names if getattr(self, name) != fields[name].default]
            yield from (f"{name}: expected none with {reason}" for name in changed)
        if self.micro_batch_size and self.micro_batch_size > self.instances_per_update:
            yield (
                f"micro_batch_size: expected at most batch_size {self.instances_per_update}, "
                f"got {self.micro_batch_size}"
            )
        try:
            self.bert_config(ANY_VOCABULARY)
        except SettingsError as error:
            yield from error.problems

    # -- what the settings that were left open come to ------------------------------------------------

    @property
    def asks(self) -> Objective:
        """What is asked about words, and about pairs."""
        return OBJECTIVES[self.objective]

    @property
    def left_to_right(self) -> bool:
        """Whether attention sees the past alone."""
        return self.asks.words is LEFT_TO_RIGHT

    @property
    def recurrent(self) -> bool:
        """Whether the network is made of LSTMs."""
        return self.asks.words is TWO_WAYS

    @property
    def next_token(self) -> bool:
        """Whether every token is predicted, from those before it (and after it), and none is masked."""
        return self.asks.words.every_token

    @property
    def paired(self) -> bool:
        """Whether pairs of segments are judged, too."""
        return self.asks.pairs is not None

    @property
    def phases(self) -> Sequence[Phase]:
        """One to three phases, of growing length."""
        rows, opening = self.instances_per_update, self.opening
        shares = (opening, (1 - opening) * (1 - self.long_share), (1 - opening) * self.long_share)
        lengths = (self.opening_sequence_length, self.sequence_length, self.long_sequence_length)
        numbers = (OPENING_BATCHES * rows, rows, rows)
        found = map(Phase, lengths, shares, numbers)
        return [phase for phase in found if phase.share > 0]

    @property
    def opening(self) -> float:
        """Share of the updates in the opening."""
        contrast = self.sequence_length >= OPENING_CONTRAST * self.opening_sequence_length
        useful = contrast and self.init is None and self.long_share < 1
        return self._default(self.opening_share, paper=0.0, hasty=OPENING_SHARE if useful else 0.0)

    @property
    def held_out_length(self) -> int:
        """Tokens of a held-out instance: those of the phase behind the opening, so that runs compare."""
        return self.long_sequence_length if self.long_share == 1 else self.sequence_length

    @property
    def published_size(self) -> Size:
        """The size from which all that is not said is taken."""
        return self.size or "base"

    @property
    def shaped(self) -> bool:
        """Whether a network of one's own is asked for."""
        names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
        return any(getattr(self, name) is not None for name in names)

    @property
    def instances_per_update(self) -> int:
        """The global batch size."""
        return self.batch_size or BATCH_SIZES[self.published_size]

    def instances_that_fit(self, length: int) -> int:
        """How many sequences of ``length`` need no more memory than a micro-batch is to take."""
        share = RECURRENT_SHARE if self.recurrent else EVERY_TOKEN_SHARE if self.next_token else 1
        return max(1, MICRO_BATCH_TOKENS // share // length)

    def instances_at_once(self, phase: Phase) -> int:
        """The micro-batch size in ``phase``; an update of the opening has as many as any other."""
        if self.micro_batch_size is not None:
            return self.micro_batch_size * phase.instances // self.instances_per_update
        return min(self.instances_that_fit(phase.length), phase.instances)

    @property
    def peak_rate(self) -> float:
        """The highest learning rate."""
        return self.learning_rate or LEARNING_RATES[self.published_size]

    @property
    def betas(self) -> tuple[float, float]:
        """Decay rates of Adam's moments."""
        return self.adam_beta1, self._default(self.adam_beta2, paper=0.999, hasty=0.98)

    def warmup(self, total: float) -> float:
        """Length of the warm-up in a run of ``total`` updates (1.0 where the clock decides)."""
        if self.warmup_share is not None:
            return self.warmup_share * total
        return total / 10 if self.budget else min(float(WARMUP_STEPS), total / 10)

    def bert_config(self, vocab_size: int) -> BertConfig:
        """The network; with bilm a :class:`BilmConfig`, which has BERT's names.

        Raises:
            SettingsError: sizes that do not fit together.
        """
        changes: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("num_hidden_layers", "num_attention_heads", "intermediate_size")
            if getattr(self, name) is not None
        }
        if self.hidden_size is not None:
            changes["hidden_size"] = self.hidden_size
            changes.setdefault("num_attention_heads", _heads(self.hidden_size))
            changes.setdefault("intermediate_size", 4 * self.hidden_size)
        dropout = self._default(self.dropout, paper=0.1, hasty=0.0)
        if self.recurrent:
            changes = {"num_hidden_layers": LAYERS, **changes, "num_attention_heads": 1}
        config = (BilmConfig if self.recurrent else BertConfig).published(
            self.published_size,
            vocab_size=vocab_size,
            max_position_embeddings=self.max_position_embeddings,
            hidden_act=self.hidden_act,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            is_decoder=self.left_to_right,
            **changes,
        )
        paper, hasty = 0.02, 0.02 * math.sqrt(768 / config.hidden_size)
        if isinstance(config, BilmConfig):  # as the original's softmax, which the embeddings are here
            paper = hasty = 1 / math.sqrt(config.direction_size)
        return config.model_copy(
            update={"initializer_range": self._default(self.initializer_range, paper=paper, hasty=hasty)}
        )

    def instances(self, length: int) -> InstanceSettings:
        """How documents become instances of ``length``."""
        return InstanceSettings(
            max_length=length,
            short_sequence_probability=self.short_sequence_probability,
            masked_lm_probability=self._default(self.masked_lm_probability, paper=0.15, hasty=0.25),
            whole_word=self.whole_word,
            mask_share=self.mask_share,
            random_share=self.random_share,
            next_sentence=self.asks.pairs is NEXT_SENTENCE,
            sentence_order=self.asks.pairs is SENTENCE_ORDER,
            next_token=self.next_token,
        )

    def held_out_instances(self, length: int) -> InstanceSettings:
        """The same for evaluation: masked as in the paper, whatever the recipe, so that runs compare."""
        paper = InstanceSettings()
        return self.instances(length).model_copy(update={name: getattr(paper, name) for name in OF_MASKING})

    def _default(self, value: float | None, *, paper: float, hasty: float) -> float:
        """``value``, or if it is None the default: ``paper``, and ``hasty`` for runs by a time budget.

        Such a run sees little text twice, and must leave the plateau of word frequencies soon: ``hasty`` is
        what learned fastest (docs/pretraining.md).
        """
        if value is not None:
            return value
        return paper if self.budget is None else hasty
