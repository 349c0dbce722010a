"""Owns what of a result no tracker is told: secrets of its command line and of its variables."""

from __future__ import annotations

import shlex
from dataclasses import replace

from reproaudit.knowledge.secret_words import withhold_secrets, withhold_value
from reproaudit.model.identity import divergence_fingerprint, fingerprints
from reproaudit.model.result import AuditResult


def withhold_from_result(
    result: AuditResult, accepted: frozenset[str]
) -> tuple[AuditResult, frozenset[str]]:
    """Return a result without its secrets, and the fingerprints that are accepted of it.

    A value with a space that follows its option is withheld up to the space in the subject.
    """
    told = replace(
        result,
        subject=" ".join(withhold_secrets(result.subject.split(" "))),
        settings=tuple((name, withhold_value(name, value)) for name, value in result.settings),
        next_commands=tuple(map(_withhold_from_command, result.next_commands)),
    )
    told = _withhold_from_question(told)
    if told.subject == result.subject:
        return told, accepted
    # The subject is a part of them.
    marks = zip(_list_marks(result), _list_marks(told), strict=True)
    return told, frozenset(new for old, new in marks if old in accepted)


def _withhold_from_question(result: AuditResult) -> AuditResult:
    """Return a result without secrets among the values that were tried, and of a command that goes
    on."""
    if result.resumption is not None:
        command = _withhold_from_command(result.resumption.command)
        result = replace(result, resumption=replace(result.resumption, command=command))
    outcomes = []
    renamed = {}
    for outcome in result.variations:
        value = withhold_value(outcome.name, outcome.value)
        diff = tuple(map(_withhold_from_line, outcome.environment_diff))
        told = replace(outcome, value=value, environment_diff=diff)
        outcomes.append(told)
        if told.setting != outcome.setting:
            renamed[outcome.setting] = told.setting
    if not renamed:
        return replace(result, variations=tuple(outcomes))
    return replace(
        result,
        variations=tuple(outcomes),
        runs=tuple(
            replace(run, condition=renamed.get(run.condition, run.condition)) for run in result.runs
        ),
        findings=tuple(
            replace(one, variation=renamed.get(one.variation, one.variation))
            for one in result.findings
        ),
    )


def _withhold_from_line(line: str) -> str:
    """Return a line of a diff without the value of a variable that sounds like a secret."""
    name, equals, value = line.partition("=")
    return f"{name}={withhold_value(name, value)}" if equals else line


def _withhold_from_command(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError:  # a stranger's result may hold what no shell reads
        words = command.split()
    told = withhold_secrets(words)
    return command if told == tuple(words) else shlex.join(told)


def _list_marks(result: AuditResult) -> list[str]:
    return [*fingerprints(result.subject, result.findings), divergence_fingerprint(result)]
