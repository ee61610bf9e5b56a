"""``bertwright demo``: from raw text to a BERT that fills blanks and learns a task, in ten minutes."""

from __future__ import annotations

import shlex
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Count

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bertwright.cli.console import Console
    from bertwright.demo.labelled_task import LabelledTask
    from bertwright.demo.story import Collected, DemoPlan
    from bertwright.pretraining.filled_blank import FilledBlank
    from bertwright.pretraining.run import PretrainingSummary
    from bertwright.reports.run_records import Adaptation
    from bertwright.tokenization.learning.learn import LearnedVocabulary


def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Folder to be made.")] = Path(
        "demo-output"
    ),
    corpus: Annotated[
        list[Path] | None,
        Parameter(help="Your own text instead of Python's documentation.", consume_multiple=True),
    ] = None,
    size: Annotated[Count, Parameter(help="Pieces of the vocabulary.")] = 4096,
    budget: Annotated[str, Parameter(help="Time of pre-training: 30m, 1h30m, 90s, or seconds.")] = "6m30s",
    seeds: Annotated[Count, Parameter(help="How often each way of learning the task is tried.")] = 3,
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT if an earlier demo made it.")] = False,
    common: Common = Common(),
) -> None:
    """Show the whole story on text that is already on this machine, in about ten minutes on two cores.

    Collect text, learn a vocabulary, prepare, pre-train a small BERT, let it fill blanks, adapt it to a
    labelled task, and write one HTML page about it all.

        bertwright demo
        bertwright demo --corpus my-text/ --output my-demo
    """
    from bertwright.cli.console import Console
    from bertwright.demo import story
    from bertwright.demo.folder import staged_folder

    plan = story.DemoPlan(
        output=output,
        corpus=tuple(corpus or ()),
        vocabulary_size=size,
        budget=story.seconds_of(budget),
        seeds=tuple(range(1, seeds + 1)),
    )
    with Console(common) as console:
        with staged_folder(output, plan.corpus, overwrite) as staged:
            task = _tell_of_text(plan, staged.path, console)
            staged.publish()
        _tell_of_model(plan, task, console)


def _tell_of_text(plan: DemoPlan, folder: Path, console: Console) -> LabelledTask | None:
    """Chapters 1 to 3, and the task that is in the text."""
    from bertwright.demo import story

    console.say("1. The text")
    collected = story.collect_text(plan, folder, console)
    _say_collected(collected, console)
    console.say("\n2. A vocabulary of WordPieces")
    learned = story.learn(plan, folder, collected, console)
    _say_vocabulary(learned, console)
    console.say("\n3. Sentences to ids")
    prepared = story.make_store(plan, folder, collected, console)
    counts = prepared.counts
    console.say(
        f"   {counts.documents:,} documents, {counts.sentences:,} sentences, {counts.tokens:,} tokens"
    )
    return collected.task


def _tell_of_model(plan: DemoPlan, task: LabelledTask | None, console: Console) -> None:
    """Chapters 4 to 7."""
    from bertwright.demo import story

    console.say(f"\n4. Pre-training: masked words and next sentences, {plan.budget / 60:.1f} minutes")
    summary = story.train(plan, console)
    console.show(_pretraining_table(summary))
    console.say("5. Blanks filled in held-out sentences (the true word in brackets)")
    blanks = story.blanks(plan)[:6]
    for blank in blanks:
        console.show(_blank_line(blank))
    adaptation = None
    if task is not None:
        console.say(f"\n6. A task: {task.question} ({len(task.labels)} answers)")
        adaptation = story.learn_task(plan, task, console)
        console.show(_adaptation_table(adaptation))
    else:
        console.say(
            "\n6. No task: your text has too few files or long documents to ask where a passage is from"
        )
    page = story.report(plan, adaptation)
    console.result(_machine(plan, summary, adaptation, page), what_next(plan, page, blanks))


def _say_collected(collected: Collected, console: Console) -> None:
    amount = f"{collected.documents:,} documents, {collected.characters / 1e6:,.1f} million characters"
    console.say(f"   {collected.origin}: {amount}")
    if collected.cut:
        console.say("   the text is longer than the demo reads; the commands at the end take all of it")


def _say_vocabulary(learned: LearnedVocabulary, console: Console) -> None:
    report, fit = learned.report, learned.report.fit
    console.say(
        f"   {report.size:,} pieces; held-out text: {fit.pieces_per_word:.3f} pieces a word, "
        f"{fit.coverage:.1%} of the words whole, {fit.unk_rate:.3%} unknown"
    )
    for cut in fit.examples[:3]:
        console.say(f"   {cut.word}: {' '.join(cut.pieces)}")


def _pretraining_table(summary: PretrainingSummary) -> RenderableType:
    from bertwright.cli.console import table

    rows: list[Sequence[object]] = []
    names = {
        "most_frequent": "most frequent token",
        "bigram": "bigram (left neighbour)",
        "neighbours": "both neighbours",
    }
    for name, baseline in summary.baselines.items():
        rows.append([names.get(name, name), f"{baseline.accuracy:.1%}", f"{baseline.loss:.2f}", ""])
    nsp = "" if summary.nsp_accuracy is None else f"{summary.nsp_accuracy:.1%}"
    rows.append(["this BERT", f"{summary.words.accuracy:.1%}", f"{summary.words.loss:.2f}", nsp])
    title = f"held-out text after {summary.steps:,} steps, {summary.tokens / 1e6:.1f} million tokens"
    return table(title, ["", "masked words right", "loss", "next sentence right"], rows, right=(1, 2, 3))


def _blank_line(blank: FilledBlank) -> RenderableType:
    from rich.text import Text

    line = Text("   ")
    line.append(blank.before + " ")
    line.append(f"[{blank.truth}]", style="bold")
    line.append(" " + blank.after + "\n      ")
    for word, share in blank.guesses[:4]:
        line.append(f"{word} {share:.0%}   ", style="green" if word == blank.truth else "dim")
    return line


def _adaptation_table(adaptation: Adaptation) -> RenderableType:
    from bertwright.cli.console import table

    rows = []
    for row in adaptation.rows:
        spread = f"± {statistics.stdev(row.scores):.1%}" if len(row.scores) > 1 else ""
        each = " ".join(f"{score:.1%}" for score in row.scores) if len(row.scores) > 1 else ""
        rows.append([row.method, f"{statistics.mean(row.scores):.1%}", spread, each])
    return table("accuracy on unseen texts", ["", "mean", "spread", "seeds"], rows, right=(1, 2))


def _machine(
    plan: DemoPlan, summary: PretrainingSummary, adaptation: Adaptation | None, page: Path
) -> dict[str, Any]:
    ways = {row.method: list(row.scores) for row in adaptation.rows} if adaptation else None
    return {
        "pretraining": summary.to_dict(),
        "adaptation": ways,
        "report": str(page),
        "output": str(plan.output),
    }


def what_next(plan: DemoPlan, page: Path, blanks: Sequence[FilledBlank]) -> str:
    """Commands that can be typed as they are shown, in the shell that started the demo."""
    model = shlex.quote(f"{plan.output}/run/model")
    lines = [f"Everything on one page: {page}", "", "Go on:", *_on_the_path()]
    lines += [f"  bertwright fill-mask {model} {text}" for text in _with_a_blank(plan, blanks)]
    lines.append(f"  bertwright embed {model} texts.txt -o vectors.npy")
    lines.append(f"  bertwright finetune {model} --task classify --train train.tsv --dev dev.tsv -o my-task")
    if not plan.corpus:
        lines.append("  bertwright demo --corpus my-text.txt -o my-demo      # the same with your own text")
    return "\n".join(lines)


def _on_the_path() -> list[str]:
    """What makes ``bertwright`` a command of the shell, where it is none (as after ``make demo``)."""
    script = Path(sys.prefix) / "bin" / "activate"
    if shutil.which("bertwright") is not None or not script.exists():
        return []
    shown = script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script
    return [f"  . {shlex.quote(str(shown))}"]


def _with_a_blank(plan: DemoPlan, blanks: Sequence[FilledBlank]) -> list[str]:
    """A text to fill, quoted for a shell: of one's own text the shortest that chapter 5 filled, if any."""
    if not plan.corpus:
        return ['"Return the [MASK] of the array."']
    texts = [f"{blank.before} [MASK] {blank.after}".strip() for blank in blanks]
    return [shlex.quote(text) for text in sorted(texts, key=len)[:1]]
