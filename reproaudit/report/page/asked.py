"""Owns the facts of the page that only some questions bring out."""

from __future__ import annotations

from typing import Any

from reproaudit.model.question import Dependence, LostState, Question
from reproaudit.model.result import AuditResult
from reproaudit.report.page.findings import Sources
from reproaudit.report.questions.resumption_rows import (
    list_resumption_facts,
    name_lost,
    word_checkpoint_file,
    word_lost,
)
from reproaudit.report.questions.seed_rows import list_flag_rows, list_stream_rows, sort_streams
from reproaudit.report.questions.variation_rows import (
    DEPENDENCES,
    Group,
    VariationRow,
    group_differing,
    list_own_findings,
    list_variation_rows,
    name_dependence,
    name_settings,
    word_far,
    word_first_tensor,
)
from reproaudit.report.wording import show_code, show_name, show_prose, show_whole

_MOST_LINE = 500  # characters of a line of a diff
_TONES = {
    Dependence.FAILS: "bad",
    Dependence.BUG: "bad",
    Dependence.UNEXPLAINED: "warn",
    Dependence.EXPECTED: "",
    Dependence.NONE: "good",
    Dependence.NOT_TRIED: "",
}
_MEANINGS = {
    Dependence.FAILS: "The program fails under it, or does not end.",
    Dependence.BUG: "What ought not to reach a tensor does.",
    Dependence.UNEXPLAINED: "It differs, and neither documentation nor evidence says why.",
    Dependence.EXPECTED: "PyTorch's documentation says that the operator may depend on this.",
    Dependence.NONE: "All that is compared is equal to the plain run, to the bit.",
    Dependence.NOT_TRIED: "Nothing was compared; why stands beside it.",
}


def make_asked(
    result: AuditResult, sources: Sources, most_rows: int | None
) -> dict[str, Any] | None:
    """Return what was varied, how a run was resumed, what the seed reaches and when flags were set.

    None of a plain audit. At most `most_rows` rows of each table.
    """
    if result.question is Question.AUDIT:
        return None
    groups = group_differing(result)
    own = list_own_findings(result)
    resumption = result.resumption
    lost = resumption.lost[:most_rows] if resumption is not None else ()
    checkpoints = resumption.checkpoints[:most_rows] if resumption is not None else ()
    return {
        "question": result.question.value,
        "first_finding": own[0] if own else None,
        "meanings": {name: _MEANINGS[kind] for kind, name in DEPENDENCES.items()},
        "variations": list(map(_make_variation, list_variation_rows(result, most_rows))),
        "groups": [_make_group(result, group) for group in groups[:most_rows]],
        "resumption": [list(pair) for pair in list_resumption_facts(resumption)]
        if resumption is not None
        else [],
        "lost": [_make_lost(one, sources) for one in lost],
        "checkpoints": [
            [row.path, row.writer, row.step, row.line, row.holds]
            for row in map(word_checkpoint_file, checkpoints)
        ],
        "streams": _list_streams(result, sources, most_rows),
        "timeline": _list_timeline(result, sources, most_rows),
    }


def _make_variation(row: VariationRow) -> dict[str, Any]:
    return {
        "setting": row.setting,
        "answer": row.answer,
        "tone": "" if row.is_within_tolerance else _TONES[row.dependence],
        "far": row.far,
        "source": row.source,
        "line": row.line,
        "why": row.why,
        "run": row.run,
    }


def _make_group(result: AuditResult, group: Group) -> dict[str, Any]:
    first = group.outcomes[0]
    facts = (
        ("why", show_prose(first.why)),
        ("documented", show_prose(first.reference)),
        ("differs", word_first_tensor(first)),
        ("how far", word_far(result, first)),
    )
    return {
        "title": name_settings(group.outcomes),
        "settings": [show_name(outcome.setting) for outcome in group.outcomes],
        "answer": name_dependence(first),
        "tone": "" if first.is_within_tolerance else _TONES[group.dependence],
        "facts": [list(fact) for fact in facts if fact[1]],
        "findings": list(group.numbers) if group.finding is not None else [],
        "diff": [show_code(line)[:_MOST_LINE] for line in first.environment_diff],
    }


def _make_lost(lost: LostState, sources: Sources) -> dict[str, Any]:
    row = word_lost(lost)
    facts = (
        ("what", row.became),
        ("expected", row.expected),
        ("found", row.found),
        ("line", row.line),
        ("checkpoint", row.checkpoint),
    )
    return {
        "title": name_lost(lost, with_what_became=False),
        "facts": [list(fact) for fact in facts if fact[1]],
        "evidence": list(row.evidence),
        "advice": row.advice,
        "code": sources.find(lost.location),
    }


def _list_streams(
    result: AuditResult, sources: Sources, most_rows: int | None
) -> list[dict[str, Any]]:
    streams = sort_streams(result)
    rows = []
    for row, stream in zip(list_stream_rows(result, most_rows), streams, strict=False):
        rows.append(
            {
                "use": row.use,
                "effect": row.effect,
                "is_expected": row.is_expected,
                "line": row.line,
                "stream": row.stream,
                "call": row.call,
                "draws": show_whole(row.draws),
                "process": row.process,
                "why": row.why,
                "code": sources.find(stream.location),
            }
        )
    return rows


def _list_timeline(
    result: AuditResult, sources: Sources, most_rows: int | None
) -> list[dict[str, Any]]:
    rows = []
    for row, setting in zip(list_flag_rows(result, most_rows), result.timeline, strict=False):
        rows.append(
            {
                "number": row.number,
                "what": row.what,
                "value": row.value,
                "step": show_whole(row.step),
                "line": row.line,
                "by": row.by,
                "made": row.made,
                "undoes": row.undoes,
                "why": row.why,
                "code": sources.find(setting.location),
            }
        )
    return rows
