"""Owns the annotations of a GitHub workflow: one workflow command per issue, on standard output of
a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.model.result import AuditResult
from reproaudit.report.issue import Issue, Kind
from reproaudit.report.issues import list_issues, name_subjects, word_not_checked
from reproaudit.report.verdicts import count_answers
from reproaudit.report.wording import escape, show_count

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
        names = name_subjects(results)
        for name, result in zip(names, results, strict=True):
            told: set[tuple[str, ...]] = set()
            for issue in list_issues(result, accepted):
                command = _annotate_issue(name, issue, told)
                commands[_choose_level(issue)].append(command)
            not_checked = word_not_checked(result)
            if not_checked:
                properties = {"title": f"{name}: not checked"}
                command = _make_command("notice", properties, not_checked)
                commands["notice"].append(command)
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
        # One place of those that GitHub shows goes to the annotation that counts the rest.
        kept = commands[: most - 1]
        cut = len(commands) - len(kept)
        rest = _make_command(level, {}, f"… and {cut:,} more; {_ELSEWHERE}")
        return [*kept, rest]


def _choose_level(issue: Issue) -> str:
    if issue.is_error:
        return "error"
    if issue.kind is Kind.WARNING:
        return "warning"
    return "notice"


def _annotate_issue(name: str, issue: Issue, told: set[tuple[str, ...]]) -> str:
    """Return an annotation. `told` are the patches of earlier ones: each is shown once."""
    properties = {}
    # GitHub shows an annotation without a place on the page of the run.
    if issue.place is not None:
        properties["file"] = issue.place.path
        properties["line"] = str(issue.place.line)
    title = f"{name}: {issue.rule}"
    if issue.is_accepted:
        title += ", accepted in the baseline"
    properties["title"] = title
    lines = [issue.message]
    finding = issue.finding
    if finding is not None and finding.fix is not None and finding.fix.patch not in told:
        told.add(finding.fix.patch)
        for line in finding.fix.patch:
            lines.append(escape(line))
    level = _choose_level(issue)
    return _make_command(level, properties, "\n".join(lines))


def _make_command(level: str, properties: dict[str, str], message: str) -> str:
    pairs = []
    for key, value in properties.items():
        escaped = _escape_property(value)
        pairs.append(f"{key}={escaped}")
    head = level
    if pairs:
        head += " " + ",".join(pairs)
    shown = _escape_message(message)
    return f"::{head}::{shown}"


def _escape_message(text: str) -> str:
    # The percent sign first, for the other escapes bring their own.
    text = text.replace("%", "%25")
    text = text.replace("\r", "%0D")
    return text.replace("\n", "%0A")


def _escape_property(text: str) -> str:
    # A colon would end the properties, and a comma the property.
    text = _escape_message(text)
    text = text.replace(":", "%3A")
    return text.replace(",", "%2C")


def _count_verdicts(results: Sequence[AuditResult]) -> str:
    said = ", ".join([show_count(len(results), "audit"), *count_answers(results)])
    return f"reproaudit: {said}"
