"""Owns what a result says of its variations: each in words, and those that share a dependence
together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reproaudit.model.difference import Difference
from reproaudit.model.question import Dependence, Trend, VariationOutcome
from reproaudit.model.result import AuditResult, Finding
from reproaudit.report.wording import (
    is_after_last_step,
    join_names,
    name_far,
    name_source,
    show_count,
    show_name,
    show_prose,
    show_real,
    show_whole,
)

# The gravest first: what fails, is a bug, is not explained, is documented, is well.
_GRAVITY = (
    Dependence.FAILS,
    Dependence.BUG,
    Dependence.UNEXPLAINED,
    Dependence.EXPECTED,
    Dependence.NONE,
    Dependence.NOT_TRIED,
)
DEPENDENCES = {
    Dependence.FAILS: "fails",
    Dependence.BUG: "a bug",
    Dependence.UNEXPLAINED: "not explained",
    Dependence.EXPECTED: "as documented",
    Dependence.NONE: "equal",
    Dependence.NOT_TRIED: "not tried",
}
_MOST_VALUES = 8  # of one variation that are named together
_WITHIN = "within tolerance"
_TRENDS = {
    Trend.NONE: "",
    Trend.GROWING: ", growing",
    Trend.STEADY: ", steady",
    Trend.SHRINKING: ", shrinking",
    Trend.UNKNOWN: "",
}


@dataclass(frozen=True, slots=True)
class VariationRow:
    """One value of one variation in words; each is empty where there is nothing to say.

    `place` is its position in the result. `run`: the number of its run; None if there was none.
    """

    place: int
    setting: str
    answer: str
    dependence: Dependence
    far: str
    source: str
    line: str
    why: str
    reference: str
    run: int | None
    is_within_tolerance: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Values of variations whose runs differ from the plain one in the same way.

    `finding` is where the difference is born; None if that is not known. `others` are further
    findings between the same runs. `numbers` are the positions of all of them in the result.
    `outcomes` has one at least.
    """

    outcomes: tuple[VariationOutcome, ...]
    finding: Finding | None
    others: tuple[Finding, ...] = ()
    numbers: tuple[int, ...] = ()

    @property
    def dependence(self) -> Dependence:
        return self.outcomes[0].dependence


def sort_variations(result: AuditResult) -> list[tuple[int, VariationOutcome]]:
    """Return the variations with their positions, the gravest first."""
    numbered = list(enumerate(result.variations))
    numbered.sort(key=lambda pair: _rank(pair[1]))
    return numbered


def list_variation_rows(result: AuditResult, most: int | None = None) -> list[VariationRow]:
    """Return the first `most` variations in words, the gravest first."""
    return [_word_row(result, *pair) for pair in sort_variations(result)[:most]]


def group_differing(result: AuditResult) -> list[Group]:
    """Return the variations on which the result depends, the gravest first.

    Those within their tolerance come last.
    """
    groups: dict[tuple[object, ...], list[VariationOutcome]] = {}
    for _, outcome in sort_variations(result):
        if outcome.dependence in (Dependence.NONE, Dependence.NOT_TRIED):
            continue
        finding = find_finding(result, outcome)
        how = (outcome.dependence, outcome.is_within_tolerance)
        key = (*how, outcome.name, _identify(finding), outcome.why)
        groups.setdefault(key, []).append(outcome)
    by_variation: dict[str, list[int]] = {}
    for number, finding in enumerate(result.findings):
        # What it is compared with may stand behind it, as in `batch=12 against 1`.
        variation, _, _ = finding.variation.partition(" against ")
        if variation:
            by_variation.setdefault(variation, []).append(number)
    return [_make_group(result, outcomes, by_variation) for outcomes in groups.values()]


def _identify(finding: Finding | None) -> tuple[object, ...]:
    if finding is None:
        return ()
    return (finding.cause, finding.phase, finding.op, finding.call, finding.location, finding.title)


def _make_group(
    result: AuditResult,
    outcomes: Sequence[VariationOutcome],
    by_variation: Mapping[str, Sequence[int]],
) -> Group:
    numbers = [one.finding for one in outcomes if find_finding(result, one) is not None]
    finding = find_finding(result, outcomes[0])
    known = {_identify(finding)}
    others = []
    for outcome in outcomes:
        for number in by_variation.get(outcome.setting, ()):
            other = result.findings[number]
            numbers.append(number)
            if _identify(other) not in known:
                known.add(_identify(other))
                others.append(other)
    told = tuple(dict.fromkeys(number for number in numbers if number is not None))
    return Group(tuple(outcomes), finding, tuple(others), told)


def order_findings(result: AuditResult) -> list[int]:
    """Return the positions of the findings, those of the gravest dependences first."""
    told = [number for group in group_differing(result) for number in group.numbers]
    return list(dict.fromkeys((*told, *range(len(result.findings)))))


def list_own_findings(result: AuditResult) -> list[int]:
    """Return the positions of the findings that belong to no variation."""
    told = {number for group in group_differing(result) for number in group.numbers}
    return [number for number in range(len(result.findings)) if number not in told]


def word_source(finding: Finding) -> str:
    """Return `aten::sum, train.py:12`, or as much of it as is known."""
    place = show_name(finding.location.place) if finding.location is not None else ""
    return ", ".join(filter(None, (name_source(finding), place)))


def choose_finding(result: AuditResult) -> Finding | None:
    """Return the finding that stands for all: that of the gravest dependence, or the first."""
    order = order_findings(result)
    return result.findings[order[0]] if order else None


def find_finding(result: AuditResult, outcome: VariationOutcome) -> Finding | None:
    """Return where a dependence is born; None if that is not known."""
    number = outcome.finding
    # A stranger's result may name any number.
    if number is None or not 0 <= number < len(result.findings):
        return None
    return result.findings[number]


def name_dependence(outcome: VariationOutcome) -> str:
    """Return `a bug`, `as documented`, `equal` and so on."""
    said = DEPENDENCES[outcome.dependence]
    if not outcome.is_within_tolerance or outcome.dependence is Dependence.NONE:
        return said
    if outcome.dependence is Dependence.EXPECTED:
        return _WITHIN
    return f"{said}, {_WITHIN}"


def name_settings(outcomes: Sequence[VariationOutcome]) -> str:
    """Return `threads=1 and 4`, or `threads=1, hash_seed=2` of several variations."""
    values: dict[str, list[str]] = {}
    for outcome in outcomes:
        values.setdefault(outcome.name, []).append(show_name(outcome.value))
    return ", ".join(f"{show_name(name)}={_list_values(found)}" for name, found in values.items())


def _list_values(values: Sequence[str]) -> str:
    if len(values) > _MOST_VALUES:
        values = [*values[:_MOST_VALUES], f"{len(values) - _MOST_VALUES:,} more"]
    return join_names(values)


def word_far(result: AuditResult, outcome: VariationOutcome) -> str:
    """Say how far a varied run is from the plain one, from which step on, and whether that grows;
    empty where they are equal or were not compared."""
    if outcome.dependence in (Dependence.NONE, Dependence.NOT_TRIED):
        return ""
    said = word_distance(outcome.difference)
    if outcome.step is None:
        return said
    if is_after_last_step(outcome.step, result.end_step):
        when = "after the last step"
    elif outcome.trend is Trend.NONE:
        when = f"at step {outcome.step}"
    else:
        when = f"from step {outcome.step}{_TRENDS[outcome.trend]}"
    return f"{said} {when}".lstrip()


def word_distance(difference: Difference | None) -> str:
    """Return `4 ULP`, `other size`, `0.25 abs`: the largest distance between two tensors, shortly;
    empty if none was measured."""
    if difference is None:
        return ""
    far = name_far(difference)
    if far:
        return far
    if difference.max_ulp:
        return f"{show_whole(difference.max_ulp)} ULP"
    if difference.max_abs:
        return f"{show_real(difference.max_abs)} abs"
    if difference.nan_against_number:
        return "NaN on one side"
    if difference.zero_sign:
        return "sign of zero"
    return "NaN payload" if difference.nan_payload else ""


def word_first_tensor(outcome: VariationOutcome) -> str:
    """Name the first tensor that differs and how many do; empty if none is named."""
    if not outcome.tensor:
        return ""
    said = show_name(outcome.tensor)
    if outcome.tensors > 1:
        noun = "answer" if outcome.is_of_server else "tensor"
        said += f", the first of {show_count(outcome.tensors, noun)}"
    return said


def word_group(result: AuditResult, group: Group) -> str:
    """Say on one line what depends on a variation whose source is not known."""
    first = group.outcomes[0]
    settings = name_settings(group.outcomes)
    if group.dependence is Dependence.FAILS:
        return f"the program fails under {settings}: {show_prose(first.why)}"
    said = f"the result depends on {settings}: {name_dependence(first)}"
    tensor = word_first_tensor(first)
    if tensor:
        said += f"; first differs {tensor}"
    why = show_prose(first.why)
    return f"{said}; {why}" if why else said


def list_tolerated(result: AuditResult) -> frozenset[int]:
    """Return the positions of findings that belong to variations within their tolerance alone."""
    within: dict[int, bool] = {}
    for outcome in result.variations:
        number = outcome.finding
        if number is not None:
            within[number] = within.get(number, True) and outcome.is_within_tolerance
    return frozenset(number for number, is_within in within.items() if is_within)


def list_not_tried(result: AuditResult) -> Iterator[str]:
    """Yield a sentence for each reason why variations were not tried, with what it is about."""
    untried = [one for one in result.variations if one.dependence is Dependence.NOT_TRIED]
    yield from _list_reasons(untried)


def list_equal(result: AuditResult) -> Iterator[str]:
    """Yield what is said of variations that change nothing, such as how many answers were given."""
    equal = [one for one in result.variations if one.dependence is Dependence.NONE]
    yield from _list_reasons([one for one in equal if one.why.strip()])


def _list_reasons(outcomes: Sequence[VariationOutcome]) -> Iterator[str]:
    reasons: dict[str, list[VariationOutcome]] = {}
    for outcome in outcomes:
        reasons.setdefault(outcome.why, []).append(outcome)
    for why, alike in reasons.items():
        settings = name_settings(alike)
        yield f"{settings}: {show_prose(why)}" if why.strip() else settings


def _rank(outcome: VariationOutcome) -> tuple[bool, int]:
    is_last = outcome.dependence in (Dependence.NONE, Dependence.NOT_TRIED)
    is_tolerated = outcome.is_within_tolerance and not is_last
    gravity = _GRAVITY.index(outcome.dependence)
    # What lies within its tolerance stands between what differs and what is equal.
    return (is_last or is_tolerated, gravity)


def _word_row(result: AuditResult, place: int, outcome: VariationOutcome) -> VariationRow:
    finding = find_finding(result, outcome)
    source = name_source(finding) if finding is not None else ""
    line = ""
    if finding is not None and finding.location is not None:
        line = show_name(finding.location.place)
    return VariationRow(
        place=place,
        setting=show_name(outcome.setting),
        answer=name_dependence(outcome),
        dependence=outcome.dependence,
        far=word_far(result, outcome),
        source=source or show_name(outcome.tensor),
        line=line,
        why=show_prose(outcome.why),
        reference=show_prose(outcome.reference),
        run=outcome.run,
        is_within_tolerance=outcome.is_within_tolerance,
    )
