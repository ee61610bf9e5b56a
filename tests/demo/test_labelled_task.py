"""The demo's task: labels, disjoint parts, and nothing of dev left in the corpus."""

from __future__ import annotations

from bertwright.demo.labelled_task import DEV_EACH, TRAIN_EACH, Row, SourceText, carve_task, passage

NEEDED = DEV_EACH + TRAIN_EACH


def source(label: str, number: int) -> SourceText:
    kind = label[0] * 3  # differs between labels even where the label itself is blotted out
    return SourceText(label, (f"{label} heading {kind} {number}", f"a long {label} passage {number} " * 8))


def test_by_source() -> None:
    texts = [source(label, n) for label in ("aa", "bb", "cc") for n in range(NEEDED + 5)]
    texts += [source("rare", n) for n in range(NEEDED - 1)]
    corpus, task = carve_task(texts, "Which file?", seed=1)
    assert task is not None
    assert task.labels == ("aa", "bb", "cc")
    assert len(task.dev) == 3 * DEV_EACH
    assert len(task.pool) == 3 * (TRAIN_EACH + 5)
    assert [row.label for row in task.train(1)].count("bb") == TRAIN_EACH
    assert task.train(1) == task.train(1) != task.train(2)
    assert task.majority == 1 / 3
    assert not {row.text for row in task.dev} & {row.text for row in task.pool}
    assert len(corpus) == len(texts) - len(task.dev)
    left = {passage(paragraphs, "aa") for paragraphs in corpus}
    assert not left & {row.text for row in task.dev if row.label == "aa"}
    assert carve_task(texts, "Which file?", seed=1) == (corpus, task)
    assert carve_task(texts, "Which file?", seed=2)[1] != task


def test_by_document_in_a_single_source() -> None:
    texts = [
        SourceText("x", (f"Title {n}", *(f"paragraph {i} of book {n} " * 8 for i in range(NEEDED))))
        for n in range(3)
    ]
    corpus, task = carve_task(texts, "Which file?", seed=1)
    assert task is not None
    assert task.question == "Which document does a paragraph come from?"
    assert task.labels == ("1: Title 0", "2: Title 1", "3: Title 2")
    assert sum(map(len, corpus)) == sum(len(t.paragraphs) for t in texts) - len(task.dev)


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
