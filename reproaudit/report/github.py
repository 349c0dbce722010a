"""Owns the annotations of a GitHub workflow: one workflow command per issue, on standard output of
a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.model.result import AuditResult
from reproaudit.report.issues import Issue, Kind, list_issues, name_subjects, word_not_checked
from reproaudit.report.wording import VERDICTS, escape, show_count

_LEVELS = ("error", "warning", "notice")
_ELSEWHERE = "the job summary and the other reports have them"


@dataclass(frozen=True, slots=True)
class GithubOptions:
    """`per_level`: GitHub shows so many annotations of one level for a step and drops the rest."""

    per_level: int = 10


@dataclass(frozen=True, slots=True)
class GithubReport:
    options: GithubOptions = GithubOptions()

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        """Return the commands, the gravest first, and a line of plain text that counts the
        verdicts."""
        commands: dict[str, list[str]] = {level: [] for level in _LEVELS}
        for name, result in zip(name_subjects(results), results, strict=True):
            for issue in list_issues(result, accepted):
                commands[_level(issue)].append(_annotate_issue(name, issue))
            not_checked = word_not_checked(result)
            if not_checked:
                title = {"title": f"{name}: not checked"}
                commands["notice"].append(_make_command("notice", title, not_checked))
        lines = []
        for level in _LEVELS:
            lines += self._cap(level, commands[level])
        # Nothing of a stranger's may stand in a line that is no command: the runner would look for
        # commands in it.
        lines.append(_count_verdicts(results))
        return "\n".join(lines) + "\n"

    def _cap(self, level: str, commands: list[str]) -> list[str]:
        most = max(self.options.per_level, 1)
        if len(commands) <= most:
            return commands
        cut = len(commands) - most + 1
        return [
            *commands[: most - 1],
            _make_command(level, {}, f"… and {cut:,} more; {_ELSEWHERE}"),
        ]


def _level(issue: Issue) -> str:
    if issue.is_error:
        return "error"
    return "warning" if issue.kind is Kind.WARNING else "notice"


def _annotate_issue(name: str, issue: Issue) -> str:
    properties = {}
    if issue.place is not None:
        properties["file"] = issue.place.path
        properties["line"] = str(issue.place.line)
    state = ", accepted in the baseline" if issue.is_accepted else ""
    properties["title"] = f"{name}: {issue.rule}{state}"
    lines = [issue.message]
    fix = issue.finding.fix if issue.finding is not None else None
    if fix is not None:
        lines += map(escape, fix.patch)
    return _make_command(_level(issue), properties, "\n".join(lines))


def _make_command(level: str, properties: dict[str, str], message: str) -> str:
    pairs = [f"{key}={_escape_property(value)}" for key, value in properties.items()]
    space = " " if pairs else ""
    return f"::{level}{space}{','.join(pairs)}::{_escape_message(message)}"


def _escape_message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_message(text).replace(":", "%3A").replace(",", "%2C")


def _count_verdicts(results: Sequence[AuditResult]) -> str:
    found = Counter(result.verdict for result in results)
    counts = [show_count(len(results), "audit")]
    for verdict, word in VERDICTS.items():
        if found[verdict]:
            counts.append(f"{found[verdict]:,} {word}")
    return f"reproaudit: {', '.join(counts)}"
