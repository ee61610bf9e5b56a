"""Layers of settings, and all mistakes at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from bertwright.config.settings import (
    Settings,
    differences,
    flatten,
    from_json,
    load,
    parse_assignments,
)
from bertwright.errors import SettingsError


class Optimizer(Settings):
    learning_rate: float = Field(1e-4, gt=0)
    weight_decay: float = 0.01


class Recipe(Settings):
    steps: int = Field(100, ge=1)
    name: str = "x"
    optimizer: Optimizer = Optimizer()
    fast: bool = False


def test_layers_and_origins(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text("steps = 5\n[optimizer]\nlearning_rate = 0.5\n")
    resolved = load(Recipe, file=file, overrides={"steps": 7})
    assert resolved.value == Recipe(steps=7, optimizer=Optimizer(learning_rate=0.5))
    assert resolved.origins == {
        "steps": "flag",
        "name": "default",
        "optimizer.learning_rate": str(file),
        "optimizer.weight_decay": "default",
        "fast": "default",
    }


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text("stepps = 5\nname = 3\n[optimizer]\nlearning_rat = 0.5\nweight_decay = nan\n")
    with pytest.raises(SettingsError) as caught:
        load(Recipe, file=file, overrides={"steps": 0})
    text = caught.value.message
    assert len(caught.value.problems) == 5
    assert "stepps: unknown setting (did you mean steps?)" in text
    assert "optimizer.learning_rat: unknown setting (did you mean learning_rate?)" in text
    assert "optimizer.weight_decay: expected a finite number, got nan" in text
    assert "name: expected a valid string, got 3" in text
    assert "steps: expected greater than or equal to 1, got 0" in text
    assert sum(str(file) in problem for problem in caught.value.problems) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"steps = ", "expected TOML"),
        (b"\xff\xfe", "expected UTF-8"),
        (b"steps = 1\nsteps = 2", "expected TOML"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "recipe.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=message):
        load(Recipe, file=file)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nothing there"):
        load(Recipe, file=tmp_path / "none.toml")


def test_assignments() -> None:
    assert parse_assignments(["a.b=1e-3", "c=tiny", "d=[1, 2]"]) == {"a.b": 1e-3, "c": "tiny", "d": [1, 2]}
    with pytest.raises(SettingsError, match=r"NAME=VALUE.*given twice"):
        parse_assignments(["nothing", "a=1", "a=2"])


def test_differences_and_round_trip() -> None:
    old, new = Recipe(), Recipe(steps=7, optimizer=Optimizer(weight_decay=0.0))
    assert differences(flatten(old), flatten(new)) == [
        "optimizer.weight_decay: 0.01 -> 0.0",
        "steps: 100 -> 7",
    ]
    assert from_json(Recipe, new.model_dump(mode="json"), "settings.json") == new
    with pytest.raises(SettingsError, match=r"settings\.json"):
        from_json(Recipe, {"steps": "many"}, "settings.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = true", "steps: expected a valid integer, got True"),
        ('steps = "10"', 'steps: expected a valid integer, got "10"'),
        ("steps = 10.0", "steps: expected a valid integer, got 10.0"),
        ('fast = "yes"', 'fast: expected a valid boolean, got "yes"'),
        ("fast = 1", "fast: expected a valid boolean, got 1"),
        ('optimizer.weight_decay = "0.1"', 'optimizer.weight_decay: expected a valid number, got "0.1"'),
        ("optimizer.weight_decay = true", "optimizer.weight_decay: expected a valid number, got True"),
    ],
)
def test_types_are_taken_at_their_word(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(Recipe, file=file)
    assert caught.value.message == f"{file}: {message}"
    with pytest.raises(SettingsError) as caught:
        load(Recipe, overrides=parse_assignments([text]))
    assert caught.value.message == message


def test_a_whole_number_is_a_number() -> None:
    decay = load(Recipe, overrides=parse_assignments(["optimizer.weight_decay=1"])).value.optimizer
    assert repr(decay.weight_decay) == "1.0"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("9" * 5000, "4300 digits"),
        ("[" * 100_000, "nested less deep"),
        ("1\nb = 2", "expected one value"),
    ],
)
def test_values_that_cannot_be_read(tmp_path: Path, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        parse_assignments([f"steps={value}"])
    assert "\n" not in caught.value.message
    if "\n" not in value:
        file = tmp_path / "recipe.toml"
        file.write_text(f"steps = {value}")
        with pytest.raises(SettingsError, match=message):
            load(Recipe, file=file)


def test_names_that_are_too_deep(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at most 64 deep"):
        parse_assignments([f"{'a.' * 100_000}b=1"])
    file = tmp_path / "recipe.toml"
    file.write_text(f"{'a.' * 5000}b = 1")
    with pytest.raises(SettingsError, match="nested less deep"):
        load(Recipe, file=file)


@pytest.mark.parametrize("name", ["name", "optimizer.of"])
def test_what_no_file_can_hold(name: str) -> None:
    """The name of a file, which a flag gives byte for byte, would fail when the settings are stored."""

    class Named(Settings):
        of: str = "x"

    class Whole(Settings):
        name: str = "x"
        optimizer: Named = Named()

    with pytest.raises(
        SettingsError, match=r"expected text that can be written in UTF-8.*rename the file"
    ) as caught:
        load(Whole, overrides={name: "model-\udcff"})
    assert caught.value.problems[0].startswith(f"{name}: ")
    assert load(Whole, overrides={name: "模型"}).origins[name] == "flag"
