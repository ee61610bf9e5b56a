"""Files of tagged sentences, good and bad."""

from __future__ import annotations

import json
import lzma
from dataclasses import replace
from pathlib import Path

import pytest
from shared import shared_path

from bertwright.errors import InputError, TableError, UsageError
from bertwright.tables.columns import Columns
from bertwright.tasks.examples import ExampleFile
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.tag.sentences import Sentence
from bertwright.tasks.tag.task import TagTask
from bertwright.tasks.task import Posed
from bertwright.tokenization import Tokenizer

Pose = Posed[TagTask]


@pytest.fixture
def pose(tmp_path: Path, tokenizer: Tokenizer):  # type: ignore[no-untyped-def]
    """Pose the task of a file with this name and content."""

    def posed(
        name: str, content: str | bytes, columns: Columns | None = None, format: str = "auto", **tag: object
    ) -> Pose:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        settings = FinetuneSettings.model_validate({"tag": tag})
        return TagTask.pose(path, columns or Columns(), tokenizer, 20, format, settings)

    return posed


def pairs(file: ExampleFile[Sentence]) -> list[list[tuple[str, str]]]:
    return [list(zip(one.words, one.tags or (), strict=True)) for one in file.examples]


EXPECTED = [[("EU", "B-ORG"), ("rejects", "O")], [("Peter", "B-PER"), ("Blackburn", "I-PER")]]


@pytest.mark.parametrize(
    "content",
    [
        "EU B-ORG\nrejects O\n\nPeter B-PER\nBlackburn I-PER\n",
        "EU B-ORG 0\nrejects O 0\n\nPeter B-PER 0\nBlackburn I-PER 0",
        "EU\tB-ORG\r\nrejects\tO\r\n\r\nPeter\tB-PER\r\nBlackburn\tI-PER\r\n",
        "EU B-ORG\nrejects\tO\n \t \n\n\nPeter   B-PER\nBlackburn \t I-PER \n\n",
        "-DOCSTART- -X-\n\nEU B-ORG\nrejects O\n-DOCSTART- O\nPeter B-PER\nBlackburn I-PER\n",
        "-DOCSTART- -X- -X- O\n\nEU B-ORG\nrejects O\n\nPeter B-PER\nBlackburn I-PER\n",
        "\ufeffEU B-ORG\nrejects O\n\nPeter B-PER\nBlackburn I-PER\n",
    ],
)
def test_forms_of_conll(content: str, pose) -> None:  # type: ignore[no-untyped-def]
    posed = pose("a.txt", content)
    assert pairs(posed.train) == EXPECTED
    assert posed.task.labels == ("B-ORG", "B-PER", "I-PER", "O")
    assert posed.task.columns == Columns("1", None, "2")
    assert "tags in column 2" in posed.remarks[0] and "IOB2" in posed.remarks[1]


UNIVERSAL = """# sent_id = 1
# text = vámonos al mar
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\tV\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tP\t_\t1\tobj\t_\t_
2.1\tnada\t_\tNOUN\tN\t_\t_\t_\t_\t_
3\t#\t#\tSYM\tX\t_\t1\tobl\t_\t_

# sent_id = 2
1\tmar\tmar\tNOUN\tN\t_\t0\troot\t_\t_

"""


def test_universal_dependencies(pose, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    posed = pose("a.conllu", UNIVERSAL)
    assert pairs(posed.train) == [[("vamos", "VERB"), ("nos", "PRON"), ("#", "SYM")], [("mar", "NOUN")]]
    assert posed.task.columns == Columns("2", None, "4")
    assert "words in column 2, tags in column 4" in posed.remarks[0]
    first, second = posed.train.examples
    assert [first.line_of(word) for word in range(3)] == [4, 5, 7] and second.line_of(0) == 10
    other = pose("b.conllu", UNIVERSAL, Columns(None, None, "5"))
    assert [tag for _, tag in pairs(other.train)[0]] == ["V", "P", "X"]
    (tmp_path / "c.conllu").write_text(UNIVERSAL.replace("NOUN", "NUON", 1).replace("NOUN", "NAUN"))
    with pytest.raises(TableError, match=r"c.conllu:10: expected a tag among .*got .NAUN"):
        posed.task.read(tmp_path / "c.conllu")
    words = [row.input.words for row in posed.task.stream(tmp_path / "c.conllu").rows()]
    assert words == [("vamos", "nos", "#"), ("mar",)]
    (tmp_path / "d.conllu").write_text(UNIVERSAL.replace("\tmar\tNOUN", "\tNOUN"))
    with pytest.raises(TableError, match=r"d.conllu:10: expected 10 columns, got 9"):
        posed.task.read(tmp_path / "d.conllu")


def test_comments_before_sentences(pose) -> None:  # type: ignore[no-untyped-def]
    content = "# id 7\nEU B-ORG\nrejects O\n\n# id\n# one more comment\nPeter B-PER\nBlackburn I-PER\n"
    assert pairs(pose("a.txt", content).train) == EXPECTED
    words = "# O\n1 O\n\nPeter B-PER\n# O\n\n# #\nis B-PER\n# #\n"  # no comments: the tags are known
    assert [word for row in pairs(pose("a.txt", words).train) for word, _ in row].count("#") == 4


@pytest.mark.parametrize(
    "name,content",
    [
        (
            "a.jsonl",
            '{"tokens": ["EU", "rejects"], "tags": ["B-ORG", "O"]}\n'
            '{"tokens": ["Peter", "Blackburn"], "tags": ["B-PER", "I-PER"]}\n',
        ),
        ("a.tsv", "text_a\tlabel\nEU rejects\tB-ORG O\nPeter Blackburn\tB-PER I-PER\n"),
        ("a.csv", "sentence,tags\nEU rejects,B-ORG O\nPeter Blackburn,B-PER I-PER\n"),
    ],
)
def test_forms_of_tables(name: str, content: str, pose) -> None:  # type: ignore[no-untyped-def]
    posed = pose(name, content)
    assert pairs(posed.train) == EXPECTED
    assert "guessed words" in posed.remarks[0]


def test_spans_by_character(pose) -> None:  # type: ignore[no-untyped-def]
    rows = [
        {"text": "浙 商银行", "label": {"company": {"浙 商": [[0, 2]]}}},
        {"text": "叶老桂", "label": {"name": {"叶老": [[0, 1]], "老桂": [[1, 2]]}}},
    ]
    posed = pose("a.json", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    first, second = posed.train.examples
    assert first.words == ("浙", "商", "银", "行")
    assert first.tags == ("B-company", "I-company", "O", "O")
    assert first.spans == ((0, 1), (2, 3), (3, 4), (4, 5))
    assert second.tags == ("B-name", "I-name", "O")
    assert posed.task.by_character
    assert any(
        "left out 1 entity that overlaps an earlier one, the first at line 2" in w
        for w in posed.train.warnings
    )


@pytest.mark.parametrize(
    "label,message",
    [
        ({"name": {"ab": [[0, 5]]}}, "within the 3 characters"),
        ({"name": {"ab": [[1, 2]]}}, "the text 'ab' at"),
        ({"name": {"ab": [0, 1]}}, "start, end"),
        ({"name": {"ab": [[0, True]]}}, "start, end"),
        ({"name": [[0, 1]]}, "type -> entity"),
        ({"name": {"ab": 3}}, "a list of"),
        ({"name": {"ab": [[0, 1]] * 200}}, "entities that do not overlap"),
        (3, "a list of tags"),
    ],
)
def test_spans_that_are_wrong(label: object, message: str, pose) -> None:  # type: ignore[no-untyped-def]
    content = json.dumps({"text": "abc", "label": {}}) + "\n" + json.dumps({"text": "abc", "label": label})
    with pytest.raises(TableError, match=message) as raised:
        pose("a.jsonl", content)
    assert "line 2" in raised.value.message or ":2" in raised.value.message


def test_columns_that_are_asked_for(pose) -> None:  # type: ignore[no-untyped-def]
    content = "a DT B-NP O\nfilm NN I-NP B-X\n\nfine JJ O O\n"
    posed = pose("a.txt", content, Columns("1", None, "4"))
    assert posed.task.labels == ("B-X", "O")
    posed = pose("a.conll", content, Columns(None, None, "2"))
    assert posed.task.labels == ("DT", "JJ", "NN") and posed.task.scheme == "plain"
    assert posed.task.metric_names == ("accuracy", "f1_macro", "f1_weighted")
    with pytest.raises(TableError, match=r"--label NUMBER.*several columns could be it"):
        pose("a.txt", content)


def test_words_with_blanks_where_tabs_separate(pose) -> None:  # type: ignore[no-untyped-def]
    posed = pose("a.tsv", "New York\tB-X\nis\tO\nfar off\tO\n")
    assert pairs(posed.train) == [[("New York", "B-X"), ("is", "O"), ("far off", "O")]]


def test_words_with_hard_blanks_and_without_pieces(pose) -> None:  # type: ignore[no-untyped-def]
    posed = pose("a.txt", "10\u00a0000 B-X\n\u200b O\n\u3000x O\n")
    assert posed.train.examples[0].words == ("10\u00a0000", "\u200b", "\u3000x")
    assert "1 word without a visible character" in posed.warnings[0]


def test_stray_insides_are_counted_and_repaired_when_asked(pose) -> None:  # type: ignore[no-untyped-def]
    content = "a O\nb I-X\n\nc B-X\nd I-Y\n\ne I-X\n"
    posed = pose("a.txt", content)
    assert posed.train.examples[0].tags == ("O", "I-X")
    (warning,) = posed.train.warnings
    assert "3 I- tags behind no entity of the type, the first at line 2, 5, 7: kept" in warning
    posed = pose("a.txt", content, repair_bio=True)
    assert pairs(posed.train) == [[("a", "O"), ("b", "B-X")], [("c", "B-X"), ("d", "B-Y")], [("e", "B-X")]]
    assert "made B-" in posed.train.warnings[0]
    assert posed.task.to_dict()["repair_bio"] is True


def test_the_same_sentence_tagged_in_two_ways(pose) -> None:  # type: ignore[no-untyped-def]
    posed = pose("a.txt", "a O\nb B-X\n\nc O\n\na B-X\nb O\n")
    assert posed.train.warnings == (
        "a.txt: 1 sentence tagged in more than one way, the first at lines 1 and 6",
    )


@pytest.mark.parametrize(
    "name,content,message",
    [
        ("a.txt", "EU\nrejects\n", "at least two columns, got 1.*one word and its tag a line"),
        ("a.txt", "EU B-X\nrejects\n", r"txt:2: expected 2 columns, got 1 .*rejects"),
        ("a.txt", "EU B-X\na b c\n", r"expected 2 columns, got 3"),
        ("a.tsv", "a b\tB-X\nc\t\nd\tO\n", r"tsv:2: column 2: expected something there"),
        ("a.txt", "B-X EU\nO rejects\nB-X Peter\n", "tags seem to come first: say --text 2 --label 1"),
        ("a.txt", "EU b-org\nrejects o\n", r"tags with B- and I-, got .b-org.*capitals: B-org"),
        ("a.txt", "EU O\nrejects O\n", "at least two different tags, got .only 'O'."),
        ("a.txt", b"EU B-X\nrej\xff O\n", ":2: expected UTF-8 text, got .byte 0xff"),
        ("a.txt", b"EU B-X\nrej\0 O\n", "NUL"),
        ("a.txt", "\n \n", "nothing but white space"),
        ("a.txt", "", "an empty file"),
        ("a.txt", "EU X 0\na X 0\n", "every column is the same in all lines"),
        ("a.jsonl", '{"tokens": ["a"], "tags": ["O", "O"]}', "as many tags as words, 1, got 2"),
        ("a.jsonl", '{"tokens": [], "tags": []}', "at least one word"),
        ("a.jsonl", '{"tokens": ["a", ""], "tags": ["O", "O"]}', "expected words"),
        ("a.jsonl", '{"tokens": ["a", null], "tags": ["O", "O"]}', "expected words, got .null"),
        ("a.jsonl", '{"tokens": ["\\ud800"], "tags": ["O"]}', "lone surrogate U\\+D800"),
        ("a.jsonl", '{"tokens": ["a"], "tags": [true]}', "expected tags, got True"),
        ("a.jsonl", '{"tokens": ["a"], "tags": 3}', "a list of tags"),
        ("a.jsonl", '{"tokens": {"a": 1}, "tags": ["O"]}', "a list of words"),
        ("a.jsonl", '{"x": ["a"], "tags": ["O"]}', "--text COLUMN for the words"),
        ("a.jsonl", '{"tokens": ["a"], "y": ["O"]}', "--label COLUMN for the tags"),
        ("a.jsonl", "[1]", "a JSON object a line"),
    ],
)
def test_files_that_are_refused(name: str, content: str | bytes, message: str, pose) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message) as raised:
        pose(name, content)
    assert "\n" not in raised.value.message and len(raised.value.message) <= 300


def test_requests_that_are_refused(pose) -> None:  # type: ignore[no-untyped-def]
    content = "EU B-X\nrejects O\n"
    for columns, message in (
        (Columns(None, None, "tag"), "expected the number of a column"),
        (Columns("2", None, "2"), "different columns"),
        (Columns("1", None, "3"), "column 3"),
        (Columns("0", None, "2"), "from 1"),
    ):
        with pytest.raises(InputError, match=message):
            pose("a.txt", content, columns)
    with pytest.raises(UsageError, match="plain text can only be predicted"):
        pose("a.txt", content, format="text")
    with pytest.raises(UsageError, match="a format among conll, text, tsv"):
        pose("a.txt", content, format="xml")


def test_a_table_of_other_labels_is_not_read_as_words(pose) -> None:  # type: ignore[no-untyped-def]
    content = "text\tlabel\na fine film\tgood\na dull one\tbad\n"
    with pytest.raises(TableError, match=r"a word a line, got .a fine film. \(is it a table. --format tsv"):
        pose("a.txt", content.replace("text", "review"))
    assert pose("a.txt", content.replace("text", "review"), format="conll").train.examples
    some = "Hà Nội\tB-LOC\nđẹp\tO\nlắm\tO\n"  # a few words of several syllables are no texts
    assert pose("a.txt", some).train.examples[0].words[0] == "Hà Nội"


def test_other_files_of_the_task(pose, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    task = pose("a.txt", "EU B-X\nrejects O\n").task
    dev = tmp_path / "dev.txt"
    dev.write_text("a O\n\nb O\nc B-Y\n")
    with pytest.raises(TableError, match=r"dev.txt.*4.*a tag among B-X, O, got .B-Y.*never seen in training"):
        task.read(dev)
    dev.write_text("a O\nb b-x\n")
    with pytest.raises(TableError, match="the model knows 'B-X': capitals matter"):
        task.read(dev)
    rows = tmp_path / "dev.jsonl"
    rows.write_text('{"tokens": ["a"], "tags": ["B-X"]}\n')
    assert pairs(task.read(rows)) == [[("a", "B-X")]]
    named = pose("a.jsonl", '{"w": ["a", "b"], "t": ["O", "B-X"]}', Columns("w", None, "t")).task
    assert pairs(named.read(rows)) == [[("a", "B-X")]]
    rows.write_text('{"w": ["a"], "t": ["O"], "tokens": 3, "tags": 3}\n')
    assert pairs(named.read(rows)) == [[("a", "O")]]
    packed = tmp_path / "dev.txt.xz"
    packed.write_bytes(lzma.compress(b"a O\nb B-X\n"))
    assert pairs(task.read(packed)) == [[("a", "O"), ("b", "B-X")]]


def test_a_table_of_texts_alone_is_no_list_of_words(pose, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    by_name = pose("train.tsv", "text_a\tlabel\nthe film\tO B-X\n").task
    by_number = pose("train.txt", "the O\nfilm B-X\n").task

    def words(task: TagTask, name: str, content: str) -> list[tuple[str, ...]]:
        (tmp_path / name).write_text(content)
        return [row.input.words for row in task.stream(tmp_path / name).rows()]

    sentences = [("the", "film"), ("was",)]
    for task in (by_name, by_number):
        assert words(task, "one.tsv", "text_a\nthe film\nwas\n") == sentences
        assert words(task, "two.tsv", "nr\ttext_a\n1\tthe film\n2\twas\n") == sentences
        assert words(task, "words.txt", "text\tX\nfilm\tX\n") == [("text", "film")]
    assert words(by_name, "unspaced.tsv", "text_a\nwas\nfilm\n") == [("was",), ("film",)]
    assert words(by_number, "unspaced.tsv", "text_a\nwas\nfilm\n") == [("text_a", "was", "film")]


@pytest.mark.parametrize("name", ["train.csv", "train.tsv"])
@pytest.mark.parametrize("columns", [Columns("1", None, "2"), Columns(names=("words", "tags"))])
def test_tables_without_header(pose, tmp_path: Path, columns: Columns, name: str) -> None:  # type: ignore[no-untyped-def]
    """What is read once is read again, with nothing said of its columns; other files as ever."""
    between, format = ("," if name.endswith(".csv") else "\t"), "auto"
    if name.endswith(".tsv") and columns.are_numbers:
        format = "tsv"
    content = "Anna lives in Rome,B-PER O O B-LOC\nRome sleeps,B-LOC O\n".replace(",", between)
    posed = pose(name, content, columns, format)
    stored = json.loads(json.dumps(posed.task.to_dict()["columns"]))
    task = replace(posed.task, columns=Columns.from_dict(stored))
    again = task.read(tmp_path / name, format=format)
    assert pairs(again) == pairs(posed.train) and pairs(again)[1] == [("Rome", "B-LOC"), ("sleeps", "O")]
    rows = list(task.stream(tmp_path / name, format=format).rows())
    assert [row.input.words for row in rows] == [one.words for one in again.examples]
    (tmp_path / "lines.tsv").write_text("Rome\tB-LOC\nsleeps\tO\n")
    (tmp_path / "objects.jsonl").write_text('{"tokens": ["Rome", "sleeps"], "tags": ["B-LOC", "O"]}\n')
    for other in ("lines.tsv", "objects.jsonl"):
        assert pairs(task.read(tmp_path / other)) == [[("Rome", "B-LOC"), ("sleeps", "O")]]


def test_streams_set_unusable_sentences_apart(pose, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    task = pose("a.txt", "EU B-X\nrejects O\n").task
    path = tmp_path / "rows.txt"
    path.write_text("a O\nb O\n\nc\nd O\n\ne O\n")
    rows = list(task.stream(path).rows())
    assert [row.line for row in rows] == [1, 4, 7]
    assert [row.input and row.input.words for row in rows] == [("a", "b"), None, ("e",)]
    assert rows[1].problem is not None and "line 4" in rows[1].problem.message.replace(":4", "line 4")
    assert task.stream(path).guess == (
        "rows.txt: read as one word a line, in column 1 of 2 "
        "(say --text to choose; plain text is --format text)"
    )
    assert task.stream(path, Columns("1")).guess is None
    plain = tmp_path / "plain.tsv"
    plain.write_text("text\tother\nvery fine, film\t1\n\t2\n")
    rows = list(task.stream(plain, Columns("text")).rows())
    assert rows[0].input.words == ("very", "fine", ",", "film") and rows[1].problem is not None
    apart = tmp_path / "apart.tsv"
    apart.write_text("text_a\tlabel\nvery fine, film\tO O O\n")
    (row,) = task.stream(apart).rows()
    assert row.input.words == ("very", "fine,", "film")


@pytest.mark.parametrize(
    "name,sentences,words,tags",
    [
        ("conll2003/valid.txt", 3_250, 51_362, 9),
        ("udpos/dev-en.tsv", 1_987, 32_049, 17),
        ("udpos/dev-zh.tsv", 500, 12_268, 15),
        ("zh/peopledaily_ner/dev.txt", 4_501, 164_111, 7),
        ("zh/msra_ner/dev.tsv", 2_318, 109_870, 7),
        ("zh/cluener/dev.json", 672, None, 21),
    ],
)
def test_published_files(
    name: str, sentences: int, words: int | None, tags: int, tokenizer: Tokenizer
) -> None:
    path = shared_path(f"data/{name}")
    posed = TagTask.pose(path, Columns(), tokenizer, 40, "auto", FinetuneSettings())
    assert len(posed.train) == sentences and len(posed.task.labels) == tags
    if words is not None:
        assert sum(len(one.words) for one in posed.train.examples) == words
    assert posed.task.by_character == name.startswith("zh/")
