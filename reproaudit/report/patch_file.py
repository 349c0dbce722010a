"""Owns the report that `patch -p0` takes: the patches of all findings, and what is left to do by
hand as comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reproaudit.model.result import AuditResult, Finding
from reproaudit.report.places import move_to_working_folder
from reproaudit.report.wording import has_diff, show_code, show_name, word_patch


@dataclass(frozen=True, slots=True)
class PatchReport:
    """Text around a patch is skipped by `patch`, so that the file may say what it is."""

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        """Return each patch once. What is accepted is not marked: it differs all the same."""
        lines: list[str] = []
        for result in results:
            for line in _list_lines(result):
                lines.append(line)
        return "\n".join(lines or ["# nothing to patch"]) + "\n"


def _list_lines(result: AuditResult) -> Iterator[str]:
    result = move_to_working_folder(result)
    seen: set[tuple[str, ...]] = set()
    for finding in result.findings:
        fix = finding.fix
        if fix is None or not fix.patch or fix.patch in seen:
            continue
        seen.add(fix.patch)
        subject = show_name(result.subject)
        if has_diff(fix):
            yield f"# {subject}: {word_patch(fix)}"
            for row in fix.patch:
                # `patch` compares line ends too.
                end = "\r" if row.endswith("\r") else ""
                yield show_code(row) + end
        else:
            yield f"# {subject}: to be written by hand{_show_place(finding)}"
            for row in fix.patch:
                yield f"#   {show_code(row)}"


def _show_place(finding: Finding) -> str:
    return f", {show_name(str(finding.location))}" if finding.location else ""
