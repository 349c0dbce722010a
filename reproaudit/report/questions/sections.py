"""Owns the parts of a report that only some questions have, as blocks that any format lays out."""

from __future__ import annotations

from collections.abc import Iterator

from reproaudit.model.events import Level
from reproaudit.model.question import Dependence, LostState, Question, Resumption
from reproaudit.model.result import AuditResult, Finding
from reproaudit.report.blocks import (
    Answer,
    Block,
    Code,
    Entry,
    Fact,
    Section,
    Topic,
    list_cut,
    list_rows,
)
from reproaudit.report.finding_lines import NOT_LOOKED_AT, describe_finding
from reproaudit.report.layout import (
    Column,
    Cut,
    line_column,
    name_column,
    number_column,
    prose_column,
)
from reproaudit.report.moments import name_when
from reproaudit.report.questions.resumption_rows import (
    list_resumption_facts,
    name_lost,
    word_checkpoint_file,
    word_lost,
)
from reproaudit.report.questions.seed_rows import (
    list_flag_rows,
    list_stream_rows,
    sort_streams,
    word_flag,
    word_stream,
)
from reproaudit.report.questions.variation_rows import (
    Group,
    group_differing,
    list_equal,
    list_not_tried,
    list_variation_rows,
    name_dependence,
    name_settings,
    word_far,
    word_first_tensor,
    word_source,
)
from reproaudit.report.wording import (
    name_ending,
    show_code,
    show_count,
    show_name,
    show_prose,
    show_whole,
)

_MOST_OTHERS = 5  # further findings of one variation
_MOST_DIFF = 40  # lines of a diff of two environments


def list_question_sections(result: AuditResult, *, max_rows: int) -> Iterator[Section]:
    """Yield what was varied, how a run was resumed, what the seed reaches and when flags were set;
    nothing of a plain audit. At most `max_rows` rows of each list."""
    yield from _list_variations(result, max_rows)
    if result.resumption is not None:
        yield from _list_resumption(result, result.resumption, max_rows)
    yield from _list_seeds(result, max_rows)


# -- variations


def _list_variations(result: AuditResult, most: int) -> Iterator[Section]:
    tried = [one for one in result.variations if one.dependence is not Dependence.NOT_TRIED]
    yield Section(Topic.VARIED, "What was varied", _tabulate_variations(result, most, len(tried)))
    groups = group_differing(result)
    unsettled = [one for one in groups if one.dependence is not Dependence.EXPECTED]
    for group in unsettled[:most]:
        title = f"{name_settings(group.outcomes)}: {name_dependence(group.outcomes[0])}"
        yield Section(Topic.DEPENDENCE, title, describe_group(result, group))
    rest = list_cut(len(unsettled) - most)
    yield Section(Topic.DEPENDENCE, "Further dependences", rest)
    documented = [one for one in groups if one.dependence is Dependence.EXPECTED]
    entries: list[Block] = [Entry(_word_documented(group)) for group in documented[:most]]
    entries += list_cut(len(documented) - most)
    yield Section(Topic.DEPENDENCE, "As documented", entries)
    for title, said in (("Equal", list_equal(result)), ("Not tried", list_not_tried(result))):
        sentences = list(said)
        entries = [Entry(sentence) for sentence in sentences[:most]]
        yield Section(Topic.VARIED, title, [*entries, *list_cut(len(sentences) - most)])


def _tabulate_variations(result: AuditResult, most: int, total: int) -> list[Block]:
    rows = []
    for row in list_variation_rows(result, min(most, total)):
        rows.append((row.setting, row.answer, row.far, row.source, row.line))
    columns = (
        name_column("variation"),
        Column("answer"),
        Column("how far"),
        name_column("first at"),
        line_column("line"),
    )
    return list_rows(columns, rows, total=total)


def describe_group(result: AuditResult, group: Group) -> list[Block]:
    """Return what depends on a variation, why, and what repairs it."""
    first = group.outcomes[0]
    facts = (
        ("why", show_prose(first.why)),
        ("documented", show_prose(first.reference)),
        ("differs", word_first_tensor(first)),
        ("how far", word_far(result, first)),
    )
    blocks: list[Block] = [Fact(label, text) for label, text in facts if text]
    if group.finding is not None:
        # Kinds of evidence that nobody looked for would fill more lines than all the rest.
        for block in describe_finding(group.finding):
            if not isinstance(block, Answer) or block.answer != NOT_LOOKED_AT:
                blocks.append(block)
    others = [word_when(other) for other in group.others[:_MOST_OTHERS]]
    if len(group.others) > _MOST_OTHERS:
        others.append(f"{len(group.others) - _MOST_OTHERS:,} more")
    for number, said in enumerate(others):
        blocks.append(Fact("" if number else "also at", said))
    lines = first.environment_diff
    if lines:
        shown = tuple(show_code(line) for line in lines[:_MOST_DIFF])
        blocks.append(Code("environment", shown, is_diff=True))
        blocks += list_cut(len(lines) - _MOST_DIFF)
    return blocks


def word_when(finding: Finding) -> str:
    """Return `aten::sum, train.py:12 (forward pass of step 0)`."""
    source = word_source(finding)
    when = name_when(finding)
    return f"{source} ({when})" if source else when


def _word_documented(group: Group) -> str:
    first = group.outcomes[0]
    finding = group.finding
    said = name_settings(group.outcomes)
    if finding is not None:
        said += f": {word_source(finding)} ({show_name(finding.rule)})"
    if group.others:
        said += f", and {show_count(len(group.others), 'more place')}"
    why = show_prose(first.why)
    if why:
        said += f": {why}"
    reference = show_prose(first.reference)
    return f"{said} ({reference})" if reference else said


# -- resume


def _list_resumption(result: AuditResult, resumption: Resumption, most: int) -> Iterator[Section]:
    facts: list[Block] = [Fact(*pair) for pair in list_resumption_facts(resumption)]
    yield Section(Topic.RESUMED, "How it was resumed", facts)
    for lost in resumption.lost[:most]:
        title = f"Lost: {name_lost(lost, with_what_became=False)}"
        yield Section(Topic.LOST, title, describe_lost(lost))
    yield Section(Topic.LOST, "Further state", list_cut(len(resumption.lost) - most))
    yield Section(Topic.RESUMED, "Checkpoints", _tabulate_checkpoints(resumption, most))
    if result.question is Question.RESUME:
        yield Section(Topic.RESUMED, "The runs", _tabulate_runs(result, most))


def describe_lost(lost: LostState) -> list[Block]:
    """Return what a resumed run lacks, what shows it, and what is to be done."""
    row = word_lost(lost)
    facts = [
        ("what", row.became),
        ("expected", row.expected),
        ("found", row.found),
        ("line", row.line),
        ("checkpoint", row.checkpoint),
    ]
    facts += [("evidence" if not number else "", said) for number, said in enumerate(row.evidence)]
    facts.append(("advice", row.advice))
    return [Fact(label, text) for label, text in facts if text]


def _tabulate_checkpoints(resumption: Resumption, most: int) -> list[Block]:
    rows = []
    for row in map(word_checkpoint_file, resumption.checkpoints[:most]):
        rows.append((row.path, row.writer, show_whole(row.step), row.line, row.holds))
    columns = (
        name_column("file"),
        name_column("written by"),
        number_column("after step"),
        line_column("line"),
        prose_column("holds"),
    )
    return list_rows(columns, rows, total=len(resumption.checkpoints))


def _tabulate_runs(result: AuditResult, most: int) -> list[Block]:
    rows = []
    for run in result.runs[:most]:
        level = run.level.value if run.level is not Level.BOUNDARY else ""
        ended = name_ending(run.outcome)
        rows.append((str(run.index), show_name(run.condition), level, ended, show_whole(run.steps)))
    columns = (
        number_column("run"),
        name_column("condition"),
        Column("level"),
        Column("ended"),
        number_column("steps"),
    )
    return list_rows(columns, rows, total=len(result.runs))


# -- seeds


def _list_seeds(result: AuditResult, most: int) -> Iterator[Section]:
    yield Section(Topic.STREAMS, "What the seed reaches", _tabulate_streams(result, most))
    wrong = [stream for stream in sort_streams(result) if not stream.is_expected]
    entries: list[Block] = [Entry(word_stream(stream)) for stream in wrong[:most]]
    entries += list_cut(len(wrong) - most)
    yield Section(Topic.STREAMS, "Not as it ought to be", entries)
    yield Section(Topic.TIMELINE, "When seeds and flags were set", _tabulate_flags(result, most))
    late = [setting for setting in result.timeline if setting.why]
    entries = [Entry(word_flag(result, setting)) for setting in late[:most]]
    entries += list_cut(len(late) - most)
    title = f"{show_count(len(late), 'setting')} without the effect that was meant"
    yield Section(Topic.TIMELINE, title, entries)


def _tabulate_streams(result: AuditResult, most: int) -> list[Block]:
    rows = []
    for row in list_stream_rows(result, most):
        mark = "" if row.is_expected else "no"
        draws = show_whole(row.draws)
        rows.append((row.use, row.effect, mark, row.line, row.stream, row.call, draws))
    columns = (
        Column("use"),
        Column("effect"),
        Column("in order"),
        line_column("line"),
        name_column("stream"),
        name_column("call"),
        number_column("draws"),
    )
    return list_rows(columns, rows, total=len(result.streams))


def _tabulate_flags(result: AuditResult, most: int) -> list[Block]:
    rows = []
    for row in list_flag_rows(result, most):
        undoes = "" if row.undoes is None else str(row.undoes)
        number, step = str(row.number), show_whole(row.step)
        rows.append((number, row.what, row.value, step, row.line, row.by, row.made, undoes))
    columns = (
        number_column("#"),
        Column("what", cut=Cut.START),
        name_column("value"),
        number_column("step"),
        line_column("line"),
        name_column("by"),
        prose_column("there already"),
        number_column("undoes"),
    )
    return list_rows(columns, rows, total=len(result.timeline))
