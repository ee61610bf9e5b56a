"""An HTML page in one file: no script, no outside address, readable on a phone and on paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from bertwright.errors import encodable

_CSS = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #dde3ea; --paper: #ffffff;
  --back: #f4f6f9; --accent: #1f5fbf; --good: #0a7d4f; --bad: #b3401f; --mark: #fff2cc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #313a46;
  --paper: #1b2129; --back: #12161c; --accent: #7fb0ff; --good: #5ecb9a; --bad: #ff9a7a; --mark: #4d4220; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
header h1 { font-size: 1.9rem; line-height: 1.2; margin: .5rem 0 .2rem; letter-spacing: -.01em; }
header p { color: var(--soft); margin: 0 0 1rem; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 12px;
  padding: 1rem 1.25rem 1.25rem; margin: 1rem 0; }
h2 { font-size: 1.2rem; margin: .1rem 0 .3rem; }
section > p { margin: .2rem 0 .9rem; color: var(--soft); max-width: 46rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: .5rem 0; }
.card { border: 1px solid var(--line); border-radius: 10px; padding: .7rem .85rem; }
.card b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.card span { color: var(--soft); font-size: .86rem; display: block; line-height: 1.35;
  overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; }
figure { margin: 0; max-width: 36rem; }
figure svg { width: 100%; height: auto; display: block; background: #fff; border-radius: 8px; }
figcaption { color: var(--soft); font-size: .86rem; margin-top: .3rem; }
.scroll { overflow-x: auto; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .95rem; }
th { text-align: left; color: var(--soft); font-weight: 600; border-bottom: 2px solid var(--line); }
thead td { border-bottom: 2px solid var(--line); }
th, td { padding: .4rem .7rem .4rem 0; vertical-align: top; }
tbody td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td:first-child { overflow-wrap: break-word; }
th.r, td.r { text-align: right; white-space: pre; overflow-wrap: normal; }
tr.best td { font-weight: 650; color: var(--good); }
.blank { border: 1px solid var(--line); border-radius: 10px; padding: .75rem .9rem; }
.blank p { margin: 0 0 .5rem; overflow-wrap: anywhere; }
mark { background: var(--mark); color: inherit; border-radius: 4px; padding: 0 .25em; font-weight: 600; }
.guess { display: grid; grid-template-columns: minmax(5rem, 9rem) 1fr 3.6rem; gap: .6rem; align-items: center;
  font-size: .92rem; margin: .15rem 0; }
.guess code { overflow-wrap: anywhere; min-width: 0; }
.guess i { display: block; height: .6rem; border-radius: 3px; background: var(--accent); opacity: .75;
  min-width: 2px; }
.guess.hit { color: var(--good); font-weight: 650; }
.guess.hit i { background: var(--good); }
.guess span { text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .88rem; }
pre { background: var(--back); border-radius: 8px; padding: .7rem .9rem; overflow-x: auto; margin: .4rem 0; }
.pieces code { background: var(--back); border-radius: 4px; padding: .05rem .35rem; margin: 0 .2rem .25rem 0;
  display: inline-block; overflow-wrap: anywhere; }
details summary { cursor: pointer; color: var(--accent); margin: .4rem 0; }
.scroll + .figures, .pieces + .figures, .figures + .figures, .blank + .figures, .scroll + .blank {
  margin-top: 1rem; }
.remark { border-top: 1px solid var(--line); padding: .55rem 0 .6rem; }
.remark p { margin: 0; overflow-wrap: anywhere; }
.remark dl { display: flex; flex-wrap: wrap; gap: .1rem 1.4rem; margin: .15rem 0 0; font-size: .9rem; }
.remark dl div { overflow-wrap: anywhere; }
.remark dt { display: inline; color: var(--soft); }
.remark dd { display: inline; margin: 0 0 0 .35em; font-variant-numeric: tabular-nums; }
table.heat { width: auto; font-size: .88rem; }
table.heat caption { caption-side: top; text-align: left; color: var(--soft); font-size: .86rem; }
table.heat th { padding: .3rem .5rem .3rem 0; border-bottom: 0; white-space: nowrap; }
.scroll + .scroll { margin-top: 1rem; }
table.heat thead th { text-align: center; padding: .3rem .5rem; }
table.heat td { padding: .3rem .5rem; }
table.heat thead td { border-bottom: 0; }
td.cell { position: relative; min-width: 3rem; text-align: right; border: 1px solid var(--line);
  overflow-wrap: normal; }
ul.notes { margin: .3rem 0; padding-left: 1.2rem; }
@media print { body { background: #fff; } section { break-inside: avoid; } }
"""

_BEST = ' class="best"'
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass
class Page:
    """Sections from top to bottom. Texts are escaped; only ``html`` parts are taken as they are."""

    title: str
    subtitle: str = ""
    sections: list[str] = field(default_factory=list)

    def section(self, title: str, text: str, *html: str) -> None:
        """Add a section: heading, one paragraph, and ready-made parts (from the functions below)."""
        note = f"<p>{escape(text)}</p>" if text else ""
        self.sections.append(f"<section><h2>{escape(title)}</h2>{note}{''.join(html)}</section>")

    def render(self) -> str:
        """The whole page."""
        return encodable(
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{_CSS}</style></head>\n<body><main>"
            f"<header><h1>{escape(self.title)}</h1><p>{escape(self.subtitle)}</p></header>\n"
            + "\n".join(self.sections)
            + "\n</main></body></html>\n"
        )


def cards(figures: Sequence[tuple[str, str]]) -> str:
    """Headline figures: (value, what it is)."""
    cells = (
        f'<div class="card"><b>{escape(value)}</b><span>{escape(name)}</span></div>'
        for value, name in figures
    )
    return f'<div class="cards">{"".join(cells)}</div>'


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[int] = (),
    best: int | None = None,
) -> str:
    """A table; ``right`` lists columns aligned to the right, ``best`` the row to stress."""
    kind = [' class="r"' if number in right else "" for number in range(len(columns))]
    head = "".join(
        f'<th scope="col"{k}>{escape(c)}</th>' if c else "<td></td>"
        for k, c in zip(kind, columns, strict=True)
    )
    lines = []
    for number, row in enumerate(rows):
        cells = "".join(f"<td{k}>{escape(c)}</td>" for k, c in zip(kind, row, strict=True))
        lines.append(f"<tr{_BEST if number == best else ''}>{cells}</tr>")
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return scrolled(f"<table>{body}</table>", ", ".join(filter(None, columns)))


def scrolled(html: str, label: str) -> str:
    """Something wide, moved sideways by itself: with the keyboard, too, where ``label`` is read out."""
    named = f'role="region" aria-label="{escape(label)}"'
    return f'<div class="scroll" tabindex="0" {named}>{html}</div>'


def figures(drawings: Sequence[tuple[str, str]]) -> str:
    """SVG drawings side by side where there is room: (svg, caption, which may be empty)."""
    parts = []
    for svg, caption in drawings:
        below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        parts.append(f"<figure>{svg}{below}</figure>")
    return columns(parts)


def blank(before: str, truth: str, after: str, guesses: Sequence[tuple[str, float]]) -> str:
    """A sentence with a blank, its true word, and what the model would put there."""
    bars = "".join(
        f'<div class="guess{" hit" if word == truth else ""}"><code>{escape(word)}</code>'
        f'<i style="width:{max(share, 0.005) * 100:.1f}%"></i><span>{share:.1%}</span></div>'
        for word, share in guesses
    )
    sentence = f"{escape(before)} <mark>{escape(truth)}</mark> {escape(after)}"
    return f'<div class="blank"><p>{sentence}</p>{bars}</div>'


def columns(parts: Sequence[str]) -> str:
    """Ready-made parts side by side where there is room."""
    return f'<div class="figures">{"".join(parts)}</div>'


def pieces(words: Sequence[str]) -> str:
    """Vocabulary pieces in a row."""
    return f'<div class="pieces">{"".join(f"<code>{escape(word)}</code>" for word in words)}</div>'


def commands(lines: Sequence[str]) -> str:
    """Lines to type."""
    return f'<pre tabindex="0">{escape(chr(10).join(lines))}</pre>'


def remark(text: str, facts: Sequence[tuple[str, str]]) -> str:
    """A text and what there is to say about it: (name, value)."""
    said = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<div class="remark"><p>{escape(text)}</p><dl>{said}</dl></div>'


def notes(sentences: Sequence[str]) -> str:
    """A list of sentences."""
    return f'<ul class="notes">{"".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)}</ul>'


def details(summary: str, html: str) -> str:
    """Something long, folded."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"
