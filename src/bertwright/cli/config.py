"""``bertwright config``: what the settings are, where each value comes from, and whether a file is right."""

from __future__ import annotations

from collections.abc import Mapping
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
_LENGTHS = {"pretrain": ("steps", "epochs", "budget")}
_LENGTH = {"pretrain": {"steps": 1_000_000}}  # the paper's
_LENGTH_ORIGIN = "the paper's (say --steps, --epochs or --budget)"

RecipeOption = Annotated[Recipe, Parameter(name="--recipe", help="Whose settings.")]

app = cyclopts.App(name="config", help="Show, check and describe settings.", help_format="markdown")


@app.command
def show(
    file: Annotated[Path | None, Parameter(help="A recipe in TOML; the defaults alone without it.")] = None,
    /,
    *,
    assignments: Annotated[tuple[str, ...], Parameter(name="--set", help="A setting, as NAME=VALUE.")] = (),
    recipe: RecipeOption = "pretrain",
    common: Common = Common(),
) -> None:
    """Print the resolved settings with the origin of each value.

    Later origins win: defaults, then FILE, then --set.

        bertwright config show recipe.toml --set learning_rate=2e-4
    """
    from bertwright.config.settings import flatten, parse_assignments

    resolved, completed = _resolve(recipe, file, parse_assignments(assignments))
    values = flatten(resolved.value)
    origins = {name: resolved.origins.get(name, "default") for name in values}
    origins |= dict.fromkeys(completed, _LENGTH_ORIGIN)
    rows = [(name, _shown(value), origins[name]) for name, value in values.items()]
    with Console(common) as console:
        console.result(
            {"recipe": recipe, "settings": values, "origins": origins},
            table("", ("setting", "value", "origin"), rows),
        )


@app.command
def check(
    files: Annotated[list[Path], Parameter(help="Recipes in TOML.")],
    /,
    *,
    recipe: RecipeOption = "pretrain",
    common: Common = Common(),
) -> None:
    """Check recipes; every mistake of a file is reported at once, with the nearest valid name.

    bertwright config check recipe.toml
    """
    from bertwright.errors import SettingsError, shown_path

    problems: list[str] = []
    for file in files:
        try:
            _resolve(recipe, file, {})
        except SettingsError as problem:
            problems += problem.problems
    if problems:
        raise SettingsError(problems)
    with Console(common) as console:
        names = [shown_path(file) for file in files]
        console.result({"recipe": recipe, "files": names}, [f"{name}: fine" for name in names])


@app.command
def schema(*, recipe: RecipeOption = "pretrain", common: Common = Common()) -> None:
    """Print the JSON schema of a recipe, for editors that complete and check TOML.

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
    recipe: Recipe, file: Path | None, overrides: Mapping[str, object]
) -> tuple[Resolved[Settings], dict[str, int]]:
    """The settings, and those that were filled in because the recipe leaves them to the command line."""
    from bertwright.config.settings import load, read_toml

    given = {*overrides, *(read_toml(file) if file is not None else ())}
    completed = {} if given.intersection(_LENGTHS.get(recipe, ())) else _LENGTH.get(recipe, {})
    return load(_settings(recipe), file=file, overrides={**completed, **overrides}), completed


def _settings(recipe: Recipe) -> type[Settings]:
    from importlib import import_module

    module, _, name = _RECIPES[recipe].partition(":")
    found: type[Settings] = getattr(import_module(module), name)
    return found


def _shown(value: object) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
