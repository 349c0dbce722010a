"""Owns the annotations of a GitHub workflow: one workflow command per issue, on standard output of
a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.model.result import AuditResult
from reproaudit.report.issues import Issue, Kind, issues, not_checked_message, subject_names
from reproaudit.report.wording import VERDICTS, counted, escaped

_LEVELS = ("error", "warning", "notice")
_ELSEWHERE = "the job summary and the other reports have them"


@dataclass(frozen=True, slots=True)
class GithubOptions:
    """`per_level`: GitHub shows so many annotations of one level for a step and drops the others."""

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
        for name, result in zip(subject_names(results), results, strict=True):
            for issue in issues(result, accepted):
                commands[_level(issue)].append(_command(name, issue))
            if not_checked := not_checked_message(result):
                commands["notice"].append(
                    _annotation("notice", {"title": f"{name}: not checked"}, not_checked)
                )
        lines = [line for level in _LEVELS for line in self._capped(level, commands[level])]
        # Nothing of a stranger's may stand in a line that is no command: the runner would look for
        # commands in it.
        return "\n".join([*lines, _counts(results)]) + "\n"

    def _capped(self, level: str, commands: list[str]) -> list[str]:
        most = max(self.options.per_level, 1)
        if len(commands) <= most:
            return commands
        cut = len(commands) - most + 1
        return [*commands[: most - 1], _annotation(level, {}, f"… and {cut:,} more; {_ELSEWHERE}")]


def _level(issue: Issue) -> str:
    if issue.is_error:
        return "error"
    return "warning" if issue.kind is Kind.WARNING else "notice"


def _command(name: str, issue: Issue) -> str:
    properties = {}
    if issue.place is not None:
        properties = {"file": issue.place.path, "line": str(issue.place.line)}
    state = ", accepted in the baseline" if issue.is_accepted else ""
    lines = [issue.message]
    fix = issue.finding.fix if issue.finding is not None else None
    if fix is not None:
        lines += map(escaped, fix.patch)
    return _annotation(
        _level(issue), properties | {"title": f"{name}: {issue.rule}{state}"}, "\n".join(lines)
    )


def _annotation(level: str, properties: dict[str, str], message: str) -> str:
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{level}{f' {told}' if told else ''}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _counts(results: Sequence[AuditResult]) -> str:
    found = Counter(result.verdict for result in results)
    told = ", ".join(
        f"{found[verdict]:,} {word}" for verdict, word in VERDICTS.items() if found[verdict]
    )
    return f"reproaudit: {counted(len(results), 'audit')}" + (f", {told}" if told else "")
