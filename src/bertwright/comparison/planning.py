"""From the settings of the user and a table of the paper to a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError

from bertwright.comparison import paper
from bertwright.comparison.paper import PaperTable, published_name
from bertwright.comparison.plan import Arm, Column, Draft, Encoder, Plan
from bertwright.comparison.settings import ComparisonSettings
from bertwright.comparison.tables import features, masking, pretraining, size, steps
from bertwright.config.settings import load, reason_of
from bertwright.data.objectives import OBJECTIVES, TWO_WAYS
from bertwright.durable import look_at
from bertwright.errors import InputError, SettingsError, UsageError, did_you_mean
from bertwright.pretraining.config import LENGTHS, PretrainingSettings
from bertwright.pretraining.meaningless import meaningless
from bertwright.tasks.presets import preset_of

Kind = Literal["pretraining", "masking", "size", "features", "steps"]
_OF_OTHER_LAYERS = ("num_hidden_layers", "shard")
"""What is told of a Transformer's layers, and does not fit LSTMs."""
_LENGTH = "tokens, or one of pretraining.steps, pretraining.epochs and pretraining.budget"


@dataclass(frozen=True)
class _Table:
    """How a comparison is made."""

    title: str
    drafts: Callable[[ComparisonSettings], list[Draft]]
    paper: PaperTable
    columns: Callable[[Sequence[Column]], list[Column]] = list


_TABLES: dict[str, _Table] = {
    "pretraining": _Table("What pre-training is worth", pretraining.drafts, paper.PRETRAINING),
    "masking": _Table(
        "How masked words are shown", masking.drafts, paper.MASKING, columns=masking.with_features
    ),
    "size": _Table("What size is worth", size.drafts, paper.SIZE),
    "features": _Table("Features against fine-tuning", features.drafts, paper.FEATURES),
    "steps": _Table("What longer pre-training is worth", steps.drafts, paper.STEPS),
}


def plan_of(kind: str, settings: ComparisonSettings) -> Plan:
    """What the comparison ``kind`` comes to with ``settings``.

    Raises:
        SettingsError: every setting that is missing or does not fit, in one sentence each.
        UsageError: there is no such comparison.
    """
    if kind not in _TABLES:
        raise UsageError(f"expected a comparison among {', '.join(get_args(Kind))}, got {kind!r}")
    table = _TABLES[kind]
    known = table.drafts(settings)
    drafts = _chosen([*known, *_own(settings)], settings)
    problems = [*_missing(kind, settings, drafts), *_misnamed(drafts, known)]
    encoders: dict[str, Encoder] = {}
    said: set[str] = set()  # what is wrong with all rows is told of the first
    for draft in drafts:
        name = draft.encoder or draft.name
        if name not in encoders:
            try:
                encoders[name] = _encoder(name, draft, settings)
            except SettingsError as problem:
                told = [*problem.problems]
                problems += [f"the row {draft.name}: {one}" for one in told if one not in said]
                said |= set(told)
    columns = _columns(settings, problems)
    if problems:
        raise SettingsError(problems)
    plan = Plan(
        kind=kind,
        title=table.title,
        encoders=list(encoders.values()),
        arms=_arms(drafts),
        columns=table.columns(columns),
        paper=table.paper,
        shared=settings.finetuning,
    )
    _check_recipes(plan)
    return plan


def _own(settings: ComparisonSettings) -> list[Draft]:
    """The rows of the user."""
    return [
        Draft(
            name,
            arm.title or name,
            arm.pretraining.given(),
            arm.finetuning.model_dump(exclude_unset=True),
            model=arm.model,
        )
        for name, arm in settings.arms.items()
    ]


def _chosen(drafts: Sequence[Draft], settings: ComparisonSettings) -> list[Draft]:
    known = {draft.name: draft for draft in drafts}  # a row of one's own may take the place of a known one
    if not settings.only:
        return list(known.values())
    for name in settings.only:
        if name not in known:
            hint = did_you_mean(name, known)
            raise SettingsError(f'only: expected rows among {", ".join(known)}, got "{name}"{hint}')
    return [known[name] for name in settings.only]


def _missing(kind: str, settings: ComparisonSettings, drafts: Sequence[Draft]) -> list[str]:
    found = []
    if not settings.tasks:
        found.append("tasks: expected at least one, such as [tasks.SST-2] with train and dev, got none")
    if settings.model is not None and kind != "features":
        found.append(
            f"model: expected none for compare {kind} (a row with its own encoder is arms.NAME.model)"
        )
    if kind == "masking" and settings.pretraining.next_token:
        objective = settings.pretraining.objective
        found.append(f"pretraining.objective: expected one that masks for compare masking, got {objective}")
    if settings.words is not None and settings.store is not None:
        found.append(f"words: expected none with store, which has its words or none, got {settings.words}")
    learning = [draft for draft in drafts if draft.model is None]
    if learning:
        if (settings.store is None) == (not settings.corpus):
            got = "none" if settings.store is None else "both"
            found.append(f"corpus, store: expected one of them to pre-train on, got {got}")
        given = [name for name in LENGTHS if getattr(settings.pretraining, name) is not None]
        given += ["tokens"] if settings.tokens is not None else []
        if len(given) != 1:
            found.append(f"pretraining: expected {_LENGTH}, got {' and '.join(given) or 'none'}")
    return found


def _misnamed(drafts: Sequence[Draft], known: Sequence[Draft]) -> list[str]:
    """Rows of the user that are called as the encoder of other rows, and so would give them theirs.

    Who takes the place of a known row means that: rows with its encoder are "the same" with something else.
    """
    shared, rows = {draft.encoder for draft in drafts}, {draft.name for draft in known}
    return [
        f"arms.{draft.name}: expected another name, since other rows have an encoder that is called so"
        for draft in drafts
        if draft.name in shared and draft.name not in rows
    ]


def _encoder(name: str, draft: Draft, settings: ComparisonSettings) -> Encoder:
    if draft.model is not None:
        return Encoder(name, None, Path(draft.model))
    shared = settings.pretraining
    values: dict[str, Any] = {**shared.given(), **draft.pretraining}
    if values.get("init") is None:  # otherwise its network is that model's
        values = {"size": shared.size, **values}
    passed_over = _passed_over(values) - set(draft.pretraining)
    values = {name: value for name, value in values.items() if name not in passed_over}
    tokens = settings.tokens
    if any(name in draft.pretraining for name in LENGTHS):  # in place of the others' length
        values |= {name: draft.pretraining.get(name) for name in LENGTHS}
        tokens = None
    elif not any(values.get(name) for name in LENGTHS):
        values["steps"] = 1  # until the text is there, and its tokens can be counted
    return Encoder(name, load(PretrainingSettings, overrides=values).value, tokens=tokens)


def _passed_over(values: Mapping[str, Any]) -> set[str]:
    """What all rows are told, and a row with the objective of ``values`` does without."""
    name: Any = values.get("objective")
    if name not in OBJECTIVES:
        return set()  # told when the settings are read
    found = {setting for names, _ in meaningless(name) for setting in names}
    return found | set(_OF_OTHER_LAYERS) if OBJECTIVES[name].words is TWO_WAYS else found


def _arms(drafts: Sequence[Draft]) -> list[Arm]:
    names = [draft.name for draft in drafts]
    arms = []
    for draft in drafts:
        against: str | None = draft.against if draft.against in names else names[0]
        if against == draft.name or _is_reference(draft, drafts):
            against = None
        arms.append(
            Arm(draft.name, draft.title, draft.encoder or draft.name, draft.share, draft.finetuning, against)
        )
    return arms


def _is_reference(draft: Draft, drafts: Sequence[Draft]) -> bool:
    """Whether others name the row, and it names none."""
    return draft.against is None and any(other.against == draft.name for other in drafts)


def _columns(settings: ComparisonSettings, problems: list[str]) -> list[Column]:
    found = []
    for name, task in settings.tasks.items():
        kind = task.kind or name
        try:
            preset_of(kind)
        except UsageError as problem:
            problems.append(f"tasks.{name}{'.kind' if task.kind else ''}: {problem}")
            continue
        for part in ("train", "dev"):
            path = Path(getattr(task, part))
            try:
                look_at(path)
            except InputError as problem:
                problems.append(f"tasks.{name}.{part}: {problem}")
                continue
            if not path.is_file():
                got = "a directory" if path.is_dir() else "nothing there"
                problems.append(f'tasks.{name}.{part}: expected a file, got {got} at "{path}"')
        found.append(Column(name, published_name(kind) if task.kind is None else name, task, kind))
    return found


def _check_recipes(plan: Plan) -> None:
    """Every cell's recipe, before hours are spent on what leads to it."""
    for column in plan.columns:
        for arm in plan.arms:
            try:
                plan.finetuning_of(arm, column)
            except ValidationError as problem:
                wrong = reason_of(problem.errors(include_url=False)[0])
                raise SettingsError(f"{plan.place_of(arm, column)}: {wrong}") from None
