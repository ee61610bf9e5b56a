"""``bertwright tokenize``: the pieces, ids and offsets of text."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

from cyclopts import Parameter

from bertwright import strict_json
from bertwright.cli.arguments import Common
from bertwright.cli.console import Console, displayed, table
from bertwright.errors import InputError, UsageError, quote

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from bertwright.tokenization import Encoding, Tokenizer

_MAX_LINE_BYTES = 64 << 20
_WORD_STYLES = ("bold cyan", "bold green")  # in turn, so that one sees where a word ends
_UNKNOWN_STYLE = "bold white on red"


def tokenize(
    vocabulary: Annotated[Path, Parameter(help="Vocabulary or model folder, or a bare vocab.txt.")],
    /,
    *text: Annotated[str, Parameter(help="Text; without it, standard input is read line by line.")],
    jsonl: bool = False,
    input_format: Literal["text", "jsonl"] = "text",
    lower_case: Annotated[bool | None, Parameter(negative="--no-lower-case")] = None,
    common: Common = Common(),
) -> None:
    """Show how text is cut into pieces.

    Without TEXT, each line of standard input gives one line of output.

        bertwright tokenize VOCAB "Some text."
        bertwright tokenize VOCAB --jsonl < corpus.txt > pieces.jsonl

    Parameters
    ----------
    jsonl
        One JSON object a line: `{"tokens": [..], "ids": [..], "offsets": [[start, end], ..]}`.
        Offsets count characters of the raw line; no special tokens are added.
    input_format
        How standard input is read: plain lines, or `{"text": ..}` objects.
    lower_case
        Override what is stored with the vocabulary.
    """
    from bertwright.tokenization import Tokenizer

    if jsonl and common.json:
        raise UsageError("--json: expected only one of --json and --jsonl")
    if text and input_format == "jsonl":
        raise UsageError("--input-format: expected no TEXT beside it; it says how standard input is read")
    with Console(common) as console:
        tokenizer = Tokenizer.load(vocabulary, lower_case=lower_case)
        for remark in tokenizer.remarks():
            console.warn(f"{vocabulary}: {remark}")
        texts = map(_typed, text) if text else _lines(_standard_input(console), input_format)
        if jsonl:
            for line in texts:
                console.line(strict_json.dump(_machine(tokenizer.encode(line))))
        elif common.json:
            rows = [_machine(tokenizer.encode(line)) for line in texts]
            console.result({"vocabulary": str(vocabulary), "size": len(tokenizer.vocabulary), "texts": rows})
        elif text:
            for line in texts:
                console.result({}, _explained(tokenizer, line))
        else:
            _show_lines(console, tokenizer, texts)


def _show_lines(console: Console, tokenizer: Tokenizer, texts: Iterator[str]) -> None:
    """One line of pieces for each text, coloured on a terminal."""
    coloured = sys.stdout.isatty()
    for text in texts:
        encoding = tokenizer.encode(text)
        if coloured:
            console.result({}, _pieces(tokenizer, encoding))
        else:
            console.line(" ".join(encoding.tokens))


def _standard_input(console: Console) -> BinaryIO:
    if sys.stdin is None:
        raise UsageError("TEXT: expected text, got none, and standard input is closed")
    if sys.stdin.isatty():
        console.say("reading lines from the keyboard; Ctrl-D ends")
    return sys.stdin.buffer


def _lines(file: BinaryIO, input_format: str) -> Iterator[str]:
    """The texts on standard input; only LF and CRLF end a line."""
    number = 0
    while data := file.readline(_MAX_LINE_BYTES + 1):
        number += 1
        if len(data) > _MAX_LINE_BYTES:
            raise InputError.at(
                "standard input", f"lines of at most {_MAX_LINE_BYTES:,} bytes", "more", line=number
            )
        try:
            line = data.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError as problem:
            got = f"byte 0x{data[problem.start]:02x} at byte {problem.start + 1} of the line"
            raise InputError.at("standard input", "UTF-8", got, line=number) from None
        yield line if input_format == "text" else _text_of(line, number)


def _text_of(line: str, number: int) -> str:
    """The value of ``"text"`` in one line of JSON."""
    record = strict_json.parse(line, "standard input", line=number, max_bytes=_MAX_LINE_BYTES)
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        got = record.get("text", "no such key") if isinstance(record, dict) else type(record).__name__
        raise InputError.at("standard input", 'an object {"text": "…"}', got, line=number, field="text")
    text: str = record["text"]
    if found := strict_json.lone_surrogate(text):
        raise InputError.at("standard input", "Unicode text", found, line=number, field="text")
    return text


def _typed(argument: str) -> str:
    """An argument as text; the bytes that were typed are UTF-8, whatever the locale took them for."""
    try:
        return os.fsencode(argument).decode("utf-8")
    except UnicodeError as problem:
        raise UsageError(f"TEXT: expected UTF-8, got {quote(argument)} ({problem})") from None


def _machine(encoding: Encoding) -> dict[str, Any]:
    return {"tokens": encoding.tokens, "ids": encoding.ids, "offsets": encoding.offsets}


def _explained(tokenizer: Tokenizer, text: str) -> list[RenderableType]:
    """The pieces in colour, and a table of where each comes from."""
    encoding = tokenizer.encode(text)
    rows = [
        (_piece(tokenizer, encoding, index), encoding.ids[index], f"{start}–{end}", text[start:end])
        for index, (start, end) in enumerate(encoding.offsets)
    ]
    return [
        _pieces(tokenizer, encoding),
        table("", ["piece", "id", "characters", "text"], rows, right=(1,)),
    ]


def _pieces(tokenizer: Tokenizer, encoding: Encoding) -> Text:
    from rich.text import Text

    return Text(" ").join(_piece(tokenizer, encoding, index) for index in range(len(encoding)))


def _piece(tokenizer: Tokenizer, encoding: Encoding, index: int) -> Text:
    from rich.text import Text

    unknown = encoding.ids[index] == tokenizer.vocabulary.unk_id
    style = _UNKNOWN_STYLE if unknown else _WORD_STYLES[encoding.word_ids[index] % 2]
    return Text(displayed(encoding.tokens[index]), style=style)
