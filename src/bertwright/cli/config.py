"""``bertwright config``: what the settings are, where each value comes from, and whether a file is right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
from cyclopts import Parameter

from bertwright.cli.arguments import Common
from bertwright.cli.console import Console, table

if TYPE_CHECKING:
    from bertwright.config.settings import Resolved, Settings

Recipe = Literal["pretrain", "finetune", "compare"]
_RECIPES = {
    "pretrain": "bertwright.pretraining.config:PretrainingSettings",
    "finetune": "bertwright.tasks.settings:FinetuneSettings",
    "compare": "bertwright.comparison.settings:ComparisonSettings",
}

# A recipe may leave the length of the run to the command line; to be shown and checked it needs one.
_LENGTH = {"steps": 1_000_000}  # the paper's
_LENGTH_ORIGIN = "the paper's (say --steps, --epochs or --budget)"
_OPEN_ORIGIN = "by size and length of the run"

RecipeOption = Annotated[Recipe, Parameter(name="--recipe", help="Whose settings.")]

app = cyclopts.App(name="config", help="Show, check and describe settings.", help_format="markdown")


@app.command(usage="Usage: bertwright config show [OPTIONS] [FILE]")
def show(
    file: Annotated[Path | None, Parameter(help="A recipe in TOML; the defaults alone without it.")] = None,
    /,
    *,
    assignments: Annotated[tuple[str, ...], Parameter(name="--set", help="A setting, as NAME=VALUE.")] = (),
    recipe: RecipeOption = "pretrain",
    common: Common = Common(),
) -> None:
    """Print the resolved settings with the origin of each value.

    Later origins win: defaults, then FILE, then --set. What is left open, and goes by size and length of a
    pre-training run, is shown as what it comes to; null is what the model, the text or the machine decides.

        bertwright config show recipe.toml --set learning_rate=2e-4
    """
    from bertwright.config.settings import flatten

    resolved, completed = _resolve(recipe, file, assignments)
    values, comes_to = flatten(resolved.value), _comes_to(resolved.value)
    origins = {name: resolved.origins.get(name, "default") for name in values}
    origins |= dict.fromkeys(completed, _LENGTH_ORIGIN)
    shown, whence = values | comes_to, origins | dict.fromkeys(comes_to, _OPEN_ORIGIN)
    rows = [(name, _shown(value), whence[name]) for name, value in shown.items()]
    with Console(common) as console:
        console.result(
            {"recipe": recipe, "settings": values, "origins": origins, "comes_to": comes_to},
            table("", ("setting", "value", "origin"), rows),
        )


@app.command(usage="Usage: bertwright config check [OPTIONS] FILES...")
def check(
    files: Annotated[list[Path], Parameter(help="Recipes in TOML.")],
    /,
    *,
    recipe: RecipeOption = "pretrain",
    common: Common = Common(),
) -> None:
    """Check recipes; every mistake of a file is reported at once, with the nearest valid name.

    The exit code is 2 where there is one.

        bertwright config check recipe.toml
    """
    from bertwright.errors import SettingsError, shown_path

    problems: list[str] = []
    for file in files:
        try:
            _resolve(recipe, file, ())
        except SettingsError as problem:
            problems += problem.problems
    if problems:
        raise SettingsError(problems)
    with Console(common) as console:
        names = [shown_path(file) for file in files]
        console.result({"recipe": recipe, "files": names}, [f"{name}: fine" for name in names])


@app.command
def schema(*, recipe: RecipeOption = "pretrain", common: Common = Common()) -> None:
    """Print the JSON schema of a recipe.

    With it editors complete and check TOML.

        bertwright config schema > recipe.schema.json
    """
    import json

    described = _settings(recipe).model_json_schema()
    with Console(common) as console:
        if common.json:
            console.result(described)
        else:
            console.line(json.dumps(described, ensure_ascii=False, indent=2))


def _resolve(
    recipe: Recipe, file: Path | None, assignments: Sequence[str]
) -> tuple[Resolved[Settings], dict[str, int]]:
    """The settings, and those that were filled in because the recipe leaves them to the command line."""
    from bertwright.cli.given import given_settings
    from bertwright.config.settings import load, read_toml

    lengths = _lengths(recipe)
    overrides = given_settings({}, assignments, lengths)
    named = {*overrides, *(read_toml(file) if file is not None else ())}
    completed = _LENGTH if recipe == "pretrain" and not named.intersection(lengths) else {}
    return load(_settings(recipe), file=file, overrides={**completed, **overrides}), completed


def _lengths(recipe: Recipe) -> Sequence[str]:
    """Settings of which a run has one, and that of the command line replaces the file's."""
    if recipe == "pretrain":
        from bertwright.pretraining import config

        return config.LENGTHS
    if recipe == "compare":
        from bertwright.comparison import settings

        return settings.LENGTHS
    return ()


def _comes_to(settings: Settings) -> dict[str, object]:
    """What open settings come to, where the recipe itself decides it."""
    from bertwright.pretraining.config import PretrainingSettings
    from bertwright.pretraining.open_settings import comes_to

    return comes_to(settings) if isinstance(settings, PretrainingSettings) else {}


def _settings(recipe: Recipe) -> type[Settings]:
    from importlib import import_module

    module, _, name = _RECIPES[recipe].partition(":")
    found: type[Settings] = getattr(import_module(module), name)
    return found


def _shown(value: object) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
