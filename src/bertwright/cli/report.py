"""``bertwright report``: (re)write the HTML report of a run, of a fine-tuned model or of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import Common


def report(
    run: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    vocab: Path | None = None,
    common: Common = Common(),
) -> None:
    """Write the HTML report of a pre-training run, of a fine-tuned model or of a comparison.

    One page with curves, figures and settings, and filled blanks of a run; it needs no network and no other
    file. What a model does on other rows is for `bertwright evaluate --report`.

        bertwright report runs/first

    Parameters
    ----------
    run:
        Folder that `bertwright pretrain`, `bertwright finetune` or `bertwright compare` wrote.
    output:
        File to write instead of RUN/report.html; it must not exist.
    vocab:
        Vocabulary folder whose report is to be shown too.
    """
    from bertwright.cli.console import Console
    from bertwright.cli.usage import refuse_alone
    from bertwright.durable import check_new_file, look_at
    from bertwright.reports.comparison_report import is_comparison, write_comparison
    from bertwright.reports.finetuned_report import is_model, write_model_report
    from bertwright.reports.run_report import write_report

    with Console(common) as console:
        look_at(run)
        if output is not None:
            check_new_file(output, overwrite=False)
        if is_comparison(run) or is_model(run):
            refuse_alone("the folder of a pre-training run", vocab=vocab)
        if is_comparison(run):
            written = write_comparison(run, output)
        elif is_model(run):
            written = write_model_report(run, output)
        else:
            written = write_report(run, output, vocabulary=vocab / "report.json" if vocab else None)
        console.result({"output": str(written)}, f"{written}")
