"""Owns the table of report formats. A new format is one module and one entry here."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from reproaudit.errors import UsageError

if TYPE_CHECKING:
    from reproaudit.model.result import AuditResult

# By the name of a format, an object of its own class of options. Others have their default ones.
ReportOptions = Mapping[str, object]
NO_OPTIONS: ReportOptions = MappingProxyType({})


class Report(Protocol):
    """A format with its options; the same results give the same text, which ends with a newline.

    `accepted` are the fingerprints of findings that a baseline accepts.
    """

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str: ...


@dataclass(frozen=True, slots=True)
class Format:
    """Where a report's class is.

    It is imported only when it is asked for, and must work without arguments. One that has options
    takes them as its only one.
    """

    module: str
    report: str
    suffix: str


FORMATS: dict[str, Format] = {
    "terminal": Format("reproaudit.report.terminal", "TerminalReport", ".txt"),
    "json": Format("reproaudit.report.json_report", "JsonReport", ".json"),
    "junit": Format("reproaudit.report.junit", "JunitReport", ".junit.xml"),
    "sarif": Format("reproaudit.report.sarif", "SarifReport", ".sarif"),
    "github": Format("reproaudit.report.github", "GithubReport", ".github.txt"),
    "markdown": Format("reproaudit.report.markdown", "MarkdownReport", ".md"),
    "codequality": Format(
        "reproaudit.report.codequality", "CodeQualityReport", ".codequality.json"
    ),
    "patch": Format("reproaudit.report.patch_file", "PatchReport", ".patch"),
    "html": Format("reproaudit.report.page.html_report", "HtmlReport", ".html"),
}


def formats() -> tuple[str, ...]:
    """Return the names of the formats, in the order in which help should list them."""
    return tuple(FORMATS)


def require_format(name: str) -> Format:
    """Return the format's entry; an unknown name is a UsageError."""
    if name not in FORMATS:
        hint = "formats: " + ", ".join(FORMATS)
        near = difflib.get_close_matches(name, FORMATS, n=1)
        if near:
            hint = f"did you mean {near[0]!r}?"
        raise UsageError(
            f"there is no report format {name!r}",
            code="report-format",
            hint=hint,
        )
    return FORMATS[name]


def render(result: AuditResult, format: str) -> str:
    """Render one result with the default options of the named format."""
    return render_all((result,), format)


def render_all(
    results: Sequence[AuditResult],
    format: str,
    accepted: frozenset[str] = frozenset(),
    options: ReportOptions = NO_OPTIONS,
) -> str:
    """Render several results as one report.

    Findings whose fingerprints are in `accepted` are known and accepted. Of `options` those of the
    format are used, if there are any.
    """
    entry = require_format(format)
    module = importlib.import_module(entry.module)
    make_report = getattr(module, entry.report)
    own = options.get(format)
    report = cast(Report, make_report() if own is None else make_report(own))
    return report.render_all(results, accepted)
