"""Folders with tokenizer files: written, read back, opened by transformers, and each kind of mistake."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hub_cache import into_cache
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.durable import NewDirectory
from bertwright.errors import DigestError, VocabularyError
from bertwright.randomness import generator
from bertwright.tokenization import Tokenizer, TokenizerSettings, Vocabulary
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS
from tokenization import google

SMALL = Vocabulary.from_tokens([*SPECIAL_TOKENS, "the", "##s", "Né", "ne", "漢"])
ALL_SETTINGS = [
    TokenizerSettings(do_lower_case=lower, strip_accents=strip, tokenize_chinese_chars=cjk)
    for lower in (True, False)
    for strip in (None, True, False)
    for cjk in (True, False)
]


def save(tokenizer: Tokenizer, folder: Path, *names: str) -> Path:
    """Writes the tokenizer's files, or only those named."""
    folder.mkdir(exist_ok=True)
    for name, data in tokenizer.files().items():
        if not names or name in names:
            (folder / name).write_bytes(data)
    return folder


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edits a JSON file in place."""
    record = json.loads(path.read_text("utf-8"))
    edit(record)
    path.write_text(json.dumps(record), "utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(Tokenizer(SMALL), tmp_path / "tokenizer")


class TestReadAndWritten:
    @pytest.mark.parametrize("choices", ALL_SETTINGS, ids=str)
    def test_come_back_equal(self, tmp_path: Path, choices: TokenizerSettings) -> None:
        tokenizer = Tokenizer(SMALL, choices)
        loaded = Tokenizer.load(save(tokenizer, tmp_path / "t"))
        assert loaded.settings == choices and loaded.vocabulary == SMALL
        assert loaded.digest == tokenizer.digest and loaded.files() == tokenizer.files()

    def test_tokenizer_json_only(self, tmp_path: Path) -> None:
        choices = TokenizerSettings(do_lower_case=False, max_input_chars_per_word=77)
        loaded = Tokenizer.load(save(Tokenizer(SMALL, choices), tmp_path / "t", "tokenizer.json"))
        assert loaded.settings == choices and loaded.vocabulary == SMALL

    def test_vocab_txt_only(self, tmp_path: Path) -> None:
        loaded = Tokenizer.load(save(Tokenizer(SMALL), tmp_path / "t", "vocab.txt"))
        assert loaded.settings == TokenizerSettings(do_lower_case=False)  # there is a capital letter

    def test_casing_is_that_of_the_vocabulary_where_nothing_else_says_it(self, tmp_path: Path) -> None:
        cased = save(Tokenizer(SMALL), tmp_path / "cased", "vocab.txt")
        assert Tokenizer.load(cased).encode("Né").tokens == ["Né"]
        lower = Vocabulary.from_tokens([*SPECIAL_TOKENS, "ne"])
        assert Tokenizer.load(save(Tokenizer(lower), tmp_path / "lower", "vocab.txt")).settings.do_lower_case
        assert Tokenizer.load(cased / "vocab.txt").settings.do_lower_case  # a bare file, as the original's

    def test_vocab_txt_and_settings(self, tmp_path: Path) -> None:
        choices = TokenizerSettings(do_lower_case=False, strip_accents=True, tokenize_chinese_chars=False)
        names = ("vocab.txt", "tokenizer_config.json")
        assert Tokenizer.load(save(Tokenizer(SMALL, choices), tmp_path / "t", *names)).settings == choices

    def test_tokenizer_config_goes_before_tokenizer_json(self, folder: Path) -> None:
        change(folder / "tokenizer_config.json", lambda config: config.update(do_lower_case=False))
        assert not Tokenizer.load(folder).settings.do_lower_case

    def test_what_is_asked_for_goes_before_both(self, folder: Path) -> None:
        assert not Tokenizer.load(folder, lower_case=False).settings.do_lower_case

    def test_special_tokens_written_as_objects(self, folder: Path) -> None:
        mask = {"__type": "AddedToken", "content": "[MASK]", "lstrip": True}
        change(folder / "tokenizer_config.json", lambda config: config.update(mask_token=mask))
        assert Tokenizer.load(folder).vocabulary == SMALL

    def test_the_longest_row_is_told_when_known(self) -> None:
        tokenizer = Tokenizer(SMALL)
        assert (
            json.loads(tokenizer.files(model_max_length=128)["tokenizer_config.json"])["model_max_length"]
            == 128
        )
        assert "model_max_length" not in json.loads(tokenizer.files()["tokenizer_config.json"])

    def test_files_are_the_same_each_time(self) -> None:
        assert Tokenizer(SMALL).files() == Tokenizer(Vocabulary.from_tokens(SMALL.tokens)).files()


class TestTransformers:
    """``transformers`` opens what is written, with equal ids."""

    @pytest.mark.parametrize(
        ("name", "casing"), [("uncased", "lower"), ("cased", "keep"), ("chinese", "lower")]
    )
    def test_published_vocabularies(self, tmp_path: Path, name: str, casing: str) -> None:
        transformers = pytest.importorskip("transformers")
        ours = google.tokenizer(name, google.CASINGS[casing])
        theirs = transformers.AutoTokenizer.from_pretrained(save(ours, tmp_path / "t"))
        different = {
            row["id"]
            for row in google.json_lines("golden/tokenization/hf_differences.jsonl.gz")
            if row["tokenizer"] == f"{name}_{casing}"
        }
        rows = google.golden_strings()
        found = theirs([row["text"] for row in rows], add_special_tokens=False)["input_ids"]
        equal = [
            row["id"] for row, ids in zip(rows, found, strict=True) if ours.encode(row["text"]).ids == ids
        ]
        assert set(equal) == {row["id"] for row in rows} - different
        ordinary = [
            row for row in rows if row["source"].startswith(("en_", "zh_", "agnews", "xnli", "udpos"))
        ]
        assert len(ordinary) == 347 and {row["id"] for row in ordinary} <= set(equal)

    def test_one_row_of_two_texts(self, tmp_path: Path) -> None:
        transformers = pytest.importorskip("transformers")
        ours = google.tokenizer("uncased", True)
        theirs = transformers.AutoTokenizer.from_pretrained(save(ours, tmp_path / "t"))
        row = theirs("Hello there", "General Kenobi!")
        expected = [ours.vocabulary.cls_id, *ours.encode("Hello there").ids, ours.vocabulary.sep_id]
        second = [*ours.encode("General Kenobi!").ids, ours.vocabulary.sep_id]
        assert row["input_ids"] == expected + second
        assert row["token_type_ids"] == [0] * len(expected) + [1] * len(second)
        assert theirs.mask_token_id == ours.vocabulary.mask_id and theirs.pad_token_id == 0

    @pytest.mark.parametrize("choices", ALL_SETTINGS, ids=str)
    def test_all_settings(self, tmp_path: Path, choices: TokenizerSettings) -> None:
        transformers = pytest.importorskip("transformers")
        ours = Tokenizer(SMALL, choices)
        theirs = transformers.AutoTokenizer.from_pretrained(save(ours, tmp_path / "t"))
        text = "The thes Né NE né the漢漢 漢 ne\u0301s"
        assert theirs(text, add_special_tokens=False)["input_ids"] == ours.encode(text).ids

    def test_what_transformers_writes_is_read(self, tmp_path: Path) -> None:
        transformers = pytest.importorskip("transformers")
        ours = google.tokenizer("cased", False)
        theirs = transformers.AutoTokenizer.from_pretrained(save(ours, tmp_path / "t"))
        theirs.save_pretrained(tmp_path / "again")
        loaded = Tokenizer.load(tmp_path / "again")
        assert loaded.vocabulary == ours.vocabulary and not loaded.settings.do_lower_case


class TestRefused:
    def refusal(self, folder: Path) -> str:
        with pytest.raises(VocabularyError) as caught:
            Tokenizer.load(folder)
        assert len(caught.value.message) <= 300
        return caught.value.message

    def test_a_folder_without_tokenizer_files(self, tmp_path: Path) -> None:
        assert "expected a folder with vocab.txt or tokenizer.json" in self.refusal(tmp_path)

    def test_a_run_folder_is_answered_with_its_model_folder(self, tmp_path: Path) -> None:
        save(Tokenizer(SMALL), tmp_path / "model")
        assert self.refusal(tmp_path).endswith(f"({tmp_path / 'model'} has one)")

    def test_nothing_there(self, tmp_path: Path) -> None:
        assert "nothing there" in self.refusal(tmp_path / "none")

    def test_a_name_that_is_too_long(self, tmp_path: Path) -> None:
        assert "expected a readable file or folder" in self.refusal(tmp_path / ("n" * 300))

    def test_two_vocabularies_in_different_order(self, folder: Path) -> None:
        tokens = list(SMALL.tokens)
        tokens[5], tokens[7] = tokens[7], tokens[5]
        (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), "utf-8")
        message = self.refusal(folder)
        assert "vocab.txt:6: expected the tokens of tokenizer.json in the same order" in message
        assert message.endswith('got "Né" (there id 5 is the)')

    def test_two_vocabularies_of_different_size(self, folder: Path) -> None:
        (folder / "vocab.txt").write_text(SMALL.to_text() + "more\n", "utf-8")
        assert "expected the 11 tokens of vocab.txt" in self.refusal(folder)

    def test_added_tokens_outside_the_vocabulary(self, folder: Path) -> None:
        (folder / "added_tokens.json").write_text('{"[MASK]": 4, "<e>": 10}', "utf-8")
        assert (
            'added_tokens.json: added_tokens: expected tokens of the vocabulary, got "<e>"'
            in self.refusal(folder)
        )
        (folder / "added_tokens.json").write_text('{"[MASK]": 4}', "utf-8")
        assert Tokenizer.load(folder).vocabulary == SMALL

    @pytest.mark.parametrize(
        "decoder", [{"10": {"content": "<e>"}}, {"4": {"content": "<mask>"}}, {"x": {}}, [], 1]
    )
    def test_added_tokens_in_the_settings(self, folder: Path, decoder: object) -> None:
        change(folder / "tokenizer_config.json", lambda config: config.update(added_tokens_decoder=decoder))
        assert "added_tokens" in self.refusal(folder)

    @pytest.mark.parametrize("value", [1, "true", None, [True]])
    def test_a_setting_that_is_not_true_or_false(self, folder: Path, value: object) -> None:
        change(folder / "tokenizer_config.json", lambda config: config.update(do_lower_case=value))
        assert "do_lower_case: expected true or false" in self.refusal(folder)

    def test_other_special_tokens(self, folder: Path) -> None:
        change(folder / "tokenizer_config.json", lambda config: config.update(mask_token="<mask>"))
        assert 'mask_token: expected [MASK], got "<mask>"' in self.refusal(folder)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("word_tokenizer_type", "mecab"),
            ("subword_tokenizer_type", "character"),
            ("tokenizer_class", "BertJapaneseTokenizer"),
            ("do_basic_tokenize", False),
            ("do_subword_tokenize", None),
            ("never_split", ["C++"]),
        ],
    )
    def test_what_cuts_text_otherwise(self, folder: Path, name: str, value: object) -> None:
        change(folder / "tokenizer_config.json", lambda record: record.update({name: value}))
        with pytest.raises(VocabularyError, match=f"{name}: expected .*cut into other pieces"):
            Tokenizer.load(folder)

    def test_what_cuts_it_as_here(self, folder: Path) -> None:
        same = {"do_basic_tokenize": True, "never_split": None, "word_tokenizer_type": "basic"}
        change(folder / "tokenizer_config.json", lambda record: record.update(same))
        assert Tokenizer.load(folder).vocabulary == SMALL

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": 1, "a": 2}', "\ufeff{}", '{"x": NaN}'])
    @pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
    def test_a_file_that_is_no_json_object(self, folder: Path, name: str, text: str) -> None:
        (folder / name).write_text(text, "utf-8")
        assert str(folder / name) in self.refusal(folder)


READ = ["vocab.txt", "tokenizer.json", "tokenizer_config.json", "added_tokens.json"]


class TestLinks:
    @pytest.mark.parametrize("name", READ)
    def test_that_lead_out_of_the_folder(self, folder: Path, tmp_path: Path, name: str) -> None:
        (tmp_path / "added_tokens.json").write_text("{}")
        if (folder / name).exists():
            (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
        with pytest.raises(VocabularyError, match=f"{name}: expected a file inside the folder"):
            Tokenizer.load(folder)
        (tmp_path / name).unlink()
        with pytest.raises(VocabularyError, match=f"{name}: expected a file inside the folder"):
            Tokenizer.load(folder)

    @pytest.mark.parametrize("name", READ)
    def test_a_pipe_is_not_waited_for(self, folder: Path, name: str) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)
        with pytest.raises(VocabularyError, match=f"{name}: expected a regular file"):
            Tokenizer.load(folder)

    def test_of_a_hub_cache(self, folder: Path, tmp_path: Path) -> None:
        (folder / "added_tokens.json").write_text("{}")
        snapshot = into_cache(folder, tmp_path / "models--x--y")
        assert (snapshot / "vocab.txt").is_symlink()
        assert Tokenizer.load(snapshot).vocabulary == SMALL


class TestManifest:
    @pytest.fixture
    def finished(self, tmp_path: Path) -> Path:
        with NewDirectory(tmp_path / "vocabulary", kind="vocabulary") as new:
            for name, data in Tokenizer(SMALL).files().items():
                new.write(name, data)
        return tmp_path / "vocabulary"

    def test_an_untouched_folder_opens(self, finished: Path) -> None:
        assert Tokenizer.load(finished).vocabulary == SMALL

    @pytest.mark.parametrize("name", ["vocab.txt", "tokenizer.json", "tokenizer_config.json"])
    @pytest.mark.parametrize("damage", ["bit", "cut", "more"])
    def test_a_damaged_file_is_refused_and_named(self, finished: Path, name: str, damage: str) -> None:
        data = bytearray((finished / name).read_bytes())
        if damage == "bit":
            data[len(data) // 2] ^= 1
        (finished / name).write_bytes(
            data[:-1] if damage == "cut" else data + b"\n" if damage == "more" else data
        )
        with pytest.raises(DigestError, match=name):
            Tokenizer.load(finished)

    @pytest.mark.parametrize("key", ["format", "files", "digest"])
    def test_a_damaged_manifest_is_refused(self, finished: Path, key: str) -> None:
        path = finished / "manifest.json"
        path.write_text(path.read_text("utf-8").replace(f'"{key}"', f'"{key[:-1]}x"'), "utf-8")
        with pytest.raises((VocabularyError, DigestError), match=r"manifest\.json"):
            Tokenizer.load(finished)

    def test_another_programs_manifest_means_nothing(self, folder: Path) -> None:
        (folder / "manifest.json").write_text('{"name": "an app", "icons": []}', "utf-8")
        assert Tokenizer.load(folder).vocabulary == SMALL

    @pytest.mark.parametrize("foreign", [True, False])
    @pytest.mark.parametrize("name", ["manifest.json", "bertwright.json"])
    def test_a_manifest_that_is_a_link(self, finished: Path, name: str, foreign: bool) -> None:
        (finished.parent / "theirs").write_text("{}" if foreign else (finished / "manifest.json").read_text())
        (finished / name).unlink(missing_ok=True)
        (finished / name).symlink_to("../theirs")
        with pytest.raises(VocabularyError, match=f"{name}: expected a file inside the folder"):
            Tokenizer.load(finished)

    def test_a_missing_file_is_refused_and_named(self, finished: Path) -> None:
        (finished / "tokenizer.json").unlink()
        with pytest.raises(DigestError, match=r"tokenizer\.json"):
            Tokenizer.load(finished)


def check_mutants(folder: Path, seed: int, count: int) -> int:
    """Opens the folder with some bytes of a file changed: it opens, or the error is ours; counts these."""
    chance = generator(seed, "mutants")
    refused = 0
    for number in range(count):
        name = ("vocab.txt", "tokenizer.json", "tokenizer_config.json")[number % 3]
        original = (folder / name).read_bytes()
        data = bytearray(original)
        for place in chance.integers(0, len(data), size=int(chance.integers(1, 4))):
            data[place : place + int(chance.integers(0, 3))] = chance.bytes(int(chance.integers(0, 3)))
        (folder / name).write_bytes(data)
        try:
            Tokenizer.load(folder)
        except VocabularyError as problem:
            assert str(folder) in problem.message and problem.message.isprintable()
            refused += 1
        (folder / name).write_bytes(original)
    return refused


def test_mutants(folder: Path) -> None:
    assert check_mutants(folder, seed=1, count=900) > 600


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_more_mutants(folder: Path, seed: int) -> None:
    assert check_mutants(folder, seed=100 + seed, count=7_500) > 5_000


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_value_anywhere_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Puts an arbitrary value in place of one of ``tokenizer.json``: the only failure is ours."""
    folder = save(Tokenizer(SMALL), tmp_path_factory.mktemp("fuzz"), "tokenizer.json")
    record = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    here: Any = record
    while True:
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        if not here[key] or not isinstance(here[key], dict | list) or data.draw(st.booleans()):
            break
        here = here[key]
    here[key] = data.draw(JSON_VALUES)
    (folder / "tokenizer.json").write_text(json.dumps(record), "utf-8")
    try:
        Tokenizer.load(folder)
    except VocabularyError as problem:
        assert str(folder) in str(problem)
