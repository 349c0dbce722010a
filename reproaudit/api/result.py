"""A result as Python code and notebooks use it: with its renderings, and the traces it kept."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass, fields
from pathlib import Path

from reproaudit.model.result import AuditResult

_MOST_PAGE_BYTES = 4_000_000  # of a page in a notebook, which holds it in its own file
_FRAME = (
    '<iframe srcdoc="{page}" sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox" '
    'title="reproaudit" style="width: 100%; height: 640px; resize: vertical; '
    'border: 1px solid #8888; border-radius: 4px"></iframe>'
)


@dataclass(frozen=True, slots=True, repr=False)
class Result(AuditResult):
    """Everything that an audit or a comparison found out, as facts.

    `print(result)` shows the text report; a notebook shows the page. `traces` are the folders of
    the runs that decided, in their order, if they were kept: empty otherwise.
    """

    traces: tuple[Path, ...] = ()

    def render(self, format: str = "terminal") -> str:
        """Return a report as text: terminal, json, junit, sarif, github, markdown, codequality,
        patch or html.

        Raises UsageError (report-format) for any other name.
        """
        from reproaudit.report import render

        return render(self, format)

    def save(self, path: str | os.PathLike[str], format: str = "json") -> None:
        """Write a report into a file; `load` reads what was saved as json.

        Raises UsageError (report-format, report-write) for another name, and for a path that cannot
        be written.
        """
        from reproaudit.report.output import make_destination

        text = self.render(format)
        make_destination(format).write(Path(path), text)

    def __str__(self) -> str:
        return self.render().rstrip("\n")

    def __repr__(self) -> str:
        return f"<reproaudit.Result {self.verdict.value}: {self.headline}>"

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, whose styles and scripts reach nothing else."""
        from reproaudit.report.page.html_report import HtmlOptions, HtmlReport

        page = HtmlReport(HtmlOptions(most_bytes=_MOST_PAGE_BYTES)).render_all((self,))
        return _FRAME.format(page=html.escape(page))

    def _repr_markdown_(self) -> str:
        return self.render("markdown")


def make_result(result: AuditResult, traces: tuple[Path, ...] = ()) -> Result:
    """Return the same facts as a `Result`."""
    facts = {field.name: getattr(result, field.name) for field in fields(AuditResult)}
    return Result(**facts, traces=traces)


def load(path: str | os.PathLike[str]) -> Result:
    """Read a result that `Result.save` or `--report json=PATH` wrote.

    Raises UsageError (result-missing, result-unreadable) if the file cannot be read, and
    ReproauditError (result-version, result-corrupt) for any other content.
    """
    from reproaudit.report.saved_result import read_result

    return make_result(read_result(path))
