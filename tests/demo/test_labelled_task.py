"""The demo's task: labels, disjoint parts, and nothing of dev and test left in the corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from bertwright import strict_json
from bertwright.demo.labelled_task import (
    DEV_EACH,
    TEST_EACH,
    TRAIN_EACH,
    LabelledTask,
    Row,
    SourceText,
    carve_task,
    file_label,
    passage,
)
from bertwright.tables.columns import Columns, choose_table
from bertwright.tasks.classify.reading import read_examples

HELD_OUT = DEV_EACH + TEST_EACH
NEEDED = HELD_OUT + TRAIN_EACH


def source(label: str, number: int) -> SourceText:
    kind = label[0] * 3  # differs between labels even where the label itself is blotted out
    return SourceText(label, (f"{label} heading {kind} {number}", f"a long {label} passage {number} " * 8))


def require_apart(task: LabelledTask) -> None:
    """Each passage is in one part, and there once."""
    texts = [row.text for part in (task.pool, task.dev, task.test) for row in part]
    assert len(texts) == len(set(texts))


def require_readable(labels: tuple[str, ...], folder: Path) -> None:
    """`finetune` takes them as they are."""
    path = folder / "rows.jsonl"
    path.write_text("".join(strict_json.dump({"text": "a", "label": label}) + "\n" for label in labels))
    read = read_examples(choose_table(path, Columns("text", None, "label")))
    assert tuple(example.target for example in read.examples) == labels


def test_by_source() -> None:
    texts = [source(label, n) for label in ("aa", "bb", "cc") for n in range(NEEDED + 5)]
    texts += [source("rare", n) for n in range(NEEDED - 1)]
    corpus, task = carve_task(texts, "Which file?", seed=1)
    assert task is not None
    assert task.labels == ("aa", "bb", "cc")
    assert len(task.dev) == 3 * DEV_EACH
    assert len(task.test) == 3 * TEST_EACH
    assert len(task.pool) == 3 * (TRAIN_EACH + 5)
    assert [row.label for row in task.train(1)].count("bb") == TRAIN_EACH
    assert task.train(1) == task.train(1) != task.train(2)
    assert task.majority == 1 / 3
    require_apart(task)
    assert len(corpus) == len(texts) - 3 * HELD_OUT
    left = {passage(paragraphs, "aa") for paragraphs in corpus}
    assert not left & {row.text for row in (*task.dev, *task.test) if row.label == "aa"}
    assert carve_task(texts, "Which file?", seed=1) == (corpus, task)
    assert carve_task(texts, "Which file?", seed=2)[1] != task


def test_texts_that_begin_alike_are_one_passage() -> None:
    """Every second text goes on differently after the passage; some stand under both labels."""
    texts = [
        SourceText(label, (f"{label} of {label[0] * 3}, passage {n} " * 20,))
        for label in ("aa", "bb")
        for n in range(NEEDED)
    ]
    texts += [SourceText(text.label, (*text.paragraphs, f"and more {n}")) for n, text in enumerate(texts)]
    texts += [SourceText("bb", text.paragraphs) for text in texts if text.label == "aa"]
    corpus, task = carve_task(texts, "Which file?", seed=1)
    assert task is not None
    require_apart(task)
    held_out = {row.text for row in (*task.dev, *task.test)}
    assert len(held_out) == 2 * HELD_OUT
    left = {passage(paragraphs, label) for paragraphs in corpus for label in ("aa", "bb")}
    assert not left & held_out
    assert len(corpus) == len(texts) - 4 * HELD_OUT - 2 * HELD_OUT


def test_the_same_text_again_and_again_is_no_task() -> None:
    texts = [SourceText(label, (f"the one text of {label} " * 10,)) for label in ("aa", "bb")] * NEEDED
    assert carve_task(texts, "Which file?", seed=1)[1] is None


def test_by_document_in_a_single_source(tmp_path: Path) -> None:
    texts = [
        SourceText("x", (f"Title {n}", *(f"paragraph {i} of book {n} " * 8 for i in range(NEEDED))))
        for n in range(3)
    ]
    corpus, task = carve_task(texts, "Which file?", seed=1)
    assert task is not None
    assert task.question == "Which document does a paragraph come from?"
    assert task.labels == ("1: Title 0", "2: Title 1", "3: Title 2")
    require_apart(task)
    assert sum(map(len, corpus)) == sum(len(t.paragraphs) for t in texts) - 3 * HELD_OUT
    require_readable(task.labels, tmp_path)


@pytest.mark.parametrize(
    ("first", "label"),
    [
        (
            "The first long chapter is about the sea and all that is in it",
            "The first long chapter is about the sea",
        ),
        ("A short title \t", "A short title"),
        ("\u3000序 \x0b 言", "序 言"),
    ],
)
def test_names_of_documents_are_labels(first: str, label: str, tmp_path: Path) -> None:
    texts = [
        SourceText("x", (first, *(f"paragraph {i} of book {n} " * 8 for i in range(NEEDED))))
        for n in range(2)
    ]
    task = carve_task(texts, "Which file?", seed=1)[1]
    assert task is not None
    assert task.labels == (f"1: {label}", f"2: {label}")
    require_readable(task.labels, tmp_path)


def test_names_of_files_are_labels(tmp_path: Path) -> None:
    names = (" a  text.txt ", "1999.12", "-1.5e3", "7", "  ", "b\udcff.txt", "c\n.txt")
    labels = tuple(map(file_label, names))
    assert labels[:5] == ("a text.txt", "file 1999.12", "file -1.5e3", "file 7", "file")
    require_readable(labels, tmp_path)


def test_too_little_text_gives_no_task() -> None:
    texts = [source("x", n) for n in range(5)]
    corpus, task = carve_task(texts, "Which file?", seed=1)
    assert task is None
    assert corpus == [text.paragraphs for text in texts]


def test_passages_are_short_and_do_not_name_the_label() -> None:
    text = passage(["NumPy arrays", "numpy.ndarray " + "word " * 200], "numpy")
    assert "numpy" not in text.lower()
    assert text.startswith("_ arrays _.ndarray word")
    assert 300 < len(text) <= 320
    assert Row("a", "b") == Row("a", "b")
