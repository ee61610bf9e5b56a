"""What is a number, and what is said of a file of numbers that cannot be one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from bertwright.errors import InputError, TableError
from bertwright.tables.columns import Columns, choose_table
from bertwright.tasks.examples import Example, ExampleFile
from bertwright.tasks.regress.reading import (
    SCORES,
    coarseness_warning,
    read_numbers,
    spread_of,
)
from bertwright.tasks.regress.settings import RegressSettings


def read(path: Path, settings: RegressSettings | None = None) -> ExampleFile[Example[float]]:
    return read_numbers(choose_table(path, Columns(), labels=SCORES), settings or RegressSettings())


def table(folder: Path, *labels: str) -> Path:
    path = folder / "a.tsv"
    path.write_text("text\tscore\n" + "".join(f"text {n}\t{label}\n" for n, label in enumerate(labels)))
    return path


def test_numbers_as_people_write_them(tmp_path: Path) -> None:
    file = read(table(tmp_path, "1", "-2.5", "+3.", ".5", "1e-3", "5.000"))
    assert [example.target for example in file.examples] == [1.0, -2.5, 3.0, 0.5, 0.001, 5.0]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": "a", "score": score}) + "\n" for score in (1, 2.5, "3")))
    assert [example.target for example in read(path).examples] == [1.0, 2.5, 3.0]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("nan", "a.tsv:3: column 'score': expected a finite number, got \"nan\""),
        ("inf", 'expected a finite number, got "inf"'),
        ("1e999", 'expected a finite number, got "1e999"'),
        ("much", 'expected a finite number, got "much"'),
        ("1_000", 'expected a finite number, got "1_000"'),
        ("2,5", "(write 2.5)"),
        ("", 'expected a number, got "an empty label" (rows without labels can only be predicted)'),
        (" 2", "(take the space away)"),
        ("٣", "expected a finite number"),
    ],
)
def test_other_things_are_refused_by_row_and_column(tmp_path: Path, label: str, message: str) -> None:
    with pytest.raises(TableError) as error:
        read(table(tmp_path, "1", label, "2"))
    assert message in error.value.message
    assert "a.tsv:3: column 'score'" in error.value.message


@pytest.mark.parametrize("label", [None, True, [1], "1" * 400, int("9" * 400)])
def test_json_that_is_no_number_is_refused(tmp_path: Path, label: object) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "a", "score": label}) + "\n")
    with pytest.raises(InputError, match="expected"):
        read(path)


def test_constant_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match='expected labels that differ, got "only 3"'):
        spread_of(read(table(tmp_path, "3", "3.0")))


def test_mean_and_deviation(tmp_path: Path) -> None:
    assert spread_of(read(table(tmp_path, "1", "3", "1", "3"))) == (2.0, 1.0)


def test_labels_outside_the_range_are_counted(tmp_path: Path) -> None:
    path = table(tmp_path, "1", "6", "-1", "7", "8")
    (warning,) = read(path, RegressSettings(minimum=0, maximum=5)).warnings
    assert warning == "a.tsv: 4 labels outside the range 0 to 5: line 3 (6), line 4 (-1), line 5 (7)"
    assert read(path).warnings == ()


def test_numbers_too_fine_for_float32_are_warned_of(tmp_path: Path) -> None:
    file = read(table(tmp_path, "1000000001", "1000000002"))
    (warning,) = coarseness_warning(file, *spread_of(file))
    assert "subtract a constant" in warning
    assert coarseness_warning(file, 3.0, 1.0) == ()


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(ValidationError, match="expected less than the maximum 1"):
        RegressSettings(minimum=2, maximum=1)
    with pytest.raises(ValidationError, match="expected a minimum or a maximum"):
        RegressSettings(clip=True)
