"""What the settings that a recipe leaves open come to, as far as the recipe itself decides it."""

from __future__ import annotations

from bertwright.pretraining.config import ANY_VOCABULARY, PretrainingSettings


def measures_size(settings: PretrainingSettings) -> bool:
    """Whether the size is what learns most in the time, by the machine and the text; otherwise it is base."""
    given = settings.size is not None or settings.init is not None or settings.shaped
    return settings.budget is not None and not given and not settings.recurrent


def comes_to(settings: PretrainingSettings) -> dict[str, object]:
    """Setting -> value, of those that are None and have a default by size or length of the run.

    Left out is what is decided elsewhere: by the model that is gone on from (its network, batches and rate),
    by the machine where it chooses the size, and by the text.
    """
    found: dict[str, object] = {"adam_beta2": settings.betas[1]}
    if not settings.next_token:
        found["masked_lm_probability"] = settings.instances(settings.sequence_length).masked_lm_probability
    found["opening_share"] = settings.opening
    if settings.steps is not None or settings.budget is not None:
        total = float(settings.steps or 1)
        found["warmup_share"] = settings.warmup(total) / total
    if settings.init is None and not measures_size(settings):
        found |= _of_the_size(settings)
    return {name: value for name, value in found.items() if getattr(settings, name) is None}


def _of_the_size(settings: PretrainingSettings) -> dict[str, object]:
    """The network, and what it is trained with."""
    config = settings.bert_config(ANY_VOCABULARY)
    names = ["hidden_size", "num_hidden_layers", "intermediate_size", "initializer_range"]
    if not settings.recurrent:
        names.append("num_attention_heads")
    return {
        "size": settings.published_size,
        **{name: getattr(config, name) for name in names},
        "dropout": config.hidden_dropout_prob,
        "batch_size": settings.instances_per_update,
        "learning_rate": settings.peak_rate,
    }
