"""``bertwright config``: values with their origin, mistakes all at once, the schema."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_show_tells_the_origin_of_each_value(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('size = "mini"\nbatch_size = 64\nsteps = 100\n')
    answer = command("config", "show", recipe, "--set", "batch_size=16", "--set", "seed=7", "--json")
    assert (answer.code, answer.err) == (0, "")
    settings, origins = answer.json["settings"], answer.json["origins"]
    assert (settings["size"], origins["size"]) == ("mini", str(recipe))
    assert (settings["batch_size"], origins["batch_size"]) == (16, "flag")
    assert (settings["seed"], origins["seed"]) == (7, "flag")
    assert (settings["weight_decay"], origins["weight_decay"]) == (0.01, "default")
    assert settings.keys() == origins.keys()


def test_length_of_the_run_may_be_left_open(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """--steps, --epochs or --budget complete a recipe on the command line."""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('size = "tiny"\n')
    assert command("config", "check", recipe).code == 0
    answer = command("config", "show", recipe, "--json")
    assert answer.json["settings"]["steps"] == 1_000_000
    assert answer.json["origins"]["steps"].startswith("the paper's")
    answer = command("config", "show", "--set", "budget=30m", "--json")
    assert (answer.json["settings"]["budget"], answer.json["settings"]["steps"]) == (1800, None)


def test_a_length_of_the_command_line_replaces_the_file_s(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("epochs = 3\n")
    answer = command("config", "show", recipe, "--set", "steps=5", "--json")
    assert (answer.json["settings"]["steps"], answer.json["settings"]["epochs"]) == (5, None)
    answer = command("config", "show", recipe, "--set", "steps=5", "--set", "budget=1m")
    assert answer.code == 2 and "got steps and budget" in answer.err


def test_what_is_left_open_is_shown_as_what_it_comes_to(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("config", "show", "--set", "size=mini", "--json")
    assert answer.json["settings"]["learning_rate"] is None
    comes_to = answer.json["comes_to"]
    assert (comes_to["learning_rate"], comes_to["batch_size"], comes_to["dropout"]) == (1e-3, 32, 0.1)
    (row,) = [line for line in command("config", "show").out.splitlines() if " batch_size " in line]
    assert row.split()[1:4] == ["256", "by", "size"]
    for recipe in ("finetune", "compare"):
        assert command("config", "show", "--recipe", recipe, "--json").json["comes_to"] == {}


def test_check_reports_every_mistake(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('size = "tiny"\n')
    bad.write_text('sise = "tiny"\nlearning_rate = nan\nseed = -1\n')
    answer = command("config", "check", good, bad)
    assert (answer.code, answer.out) == (2, "")
    (line,) = answer.err.splitlines()
    assert f"{bad}: sise: unknown setting (did you mean size?)" in line
    assert f"{bad}: learning_rate: expected a finite number, got nan" in line
    assert f"{bad}: seed: expected greater than or equal to 0, got -1" in line
    assert command("config", "check", good).out == f"{good}: fine\n"


@pytest.mark.parametrize("recipe", ["pretrain", "finetune"])
def test_schema(command, recipe: str) -> None:  # type: ignore[no-untyped-def]
    answer = command("config", "schema", "--recipe", recipe, "--json")
    assert answer.code == 0
    assert answer.json["additionalProperties"] is False
    assert all("description" in entry for entry in answer.json["properties"].values())


def test_unknown_recipe(command) -> None:  # type: ignore[no-untyped-def]
    answer = command("config", "show", "--recipe", "pretrian")
    assert answer.code == 2
    assert answer.err == (
        'error: --recipe: expected pretrain, finetune or compare, got "pretrian" (did you mean pretrain?)\n'
    )
