"""What the command line says of settings, put together."""

from __future__ import annotations

import pytest

from bertwright.cli.given import given_settings
from bertwright.errors import SettingsError, UsageError

LENGTHS = ("steps", "epochs")


def test_options_and_assignments() -> None:
    assert given_settings({"size": "tiny", "seed": None}, ["a.b=1"]) == {"size": "tiny", "a.b": 1}
    assert given_settings({"seed": 0}, []) == {"seed": 0}


@pytest.mark.parametrize(
    ("option", "assignment"), [({"steps": 3}, "size=tiny"), ({"steps": None}, "steps=3")]
)
def test_a_length_replaces_the_file_s(option: dict[str, object], assignment: str) -> None:
    found = given_settings(option, [assignment], LENGTHS)
    assert (found["steps"], found["epochs"]) == (3, None)


def test_two_lengths_are_both_kept_for_the_settings_to_refuse() -> None:
    assert given_settings({"steps": 3}, ["epochs=2"], LENGTHS) == {"steps": 3, "epochs": 2}
    assert given_settings({"steps": None}, ["size=tiny"], LENGTHS) == {"size": "tiny"}


def test_a_setting_is_said_once() -> None:
    with pytest.raises(UsageError, match="--set epochs: its own option is given, too"):
        given_settings({"epochs": 3}, ["epochs=2"])
    with pytest.raises(SettingsError, match="epochs is given twice"):
        given_settings({}, ["epochs=2", "epochs=3"])
