"""From the answers of a server to one result: how many there are, how many differ, and where."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reproaudit.errors import SubjectError
from reproaudit.experiment.endpoint_batches import Mode, PromptSet
from reproaudit.experiment.endpoint_client import Answer, Endpoint
from reproaudit.model.difference import Difference
from reproaudit.model.events import NotChecked, Outcome, OutcomeKind, Unchecked
from reproaudit.model.question import SERVER_PREFIX, Dependence, Question, VariationOutcome
from reproaudit.model.result import AuditResult, RunSummary
from reproaudit.model.verdict import Comparison, decide
from reproaudit.report.headline import word_headline

_NO_LOGPROBS = NotChecked(
    Unchecked.VALUES_NOT_KEPT,
    "the probabilities of tokens",
    "the server gives none, so only texts were compared",
)
_NO_OPERATOR = NotChecked(
    Unchecked.OPERATOR_NOT_LOCATED,
    "the operator and the line that depend on the batch",
    "a server shows its answers alone; reproaudit vary file.py::answer --vary batch=1,8 names both "
    "of a callable",
)
_WHAT_IS_SERVED = NotChecked(
    Unchecked.BATCHES_UNSEEN,
    "which requests the server computed together",
    "it may have put what came at the same time into several batches, or beside other clients'",
)


@dataclass(frozen=True, slots=True)
class Condition:
    """What was asked at once. No mode: each prompt alone."""

    name: str
    mode: Mode | None = None
    size: int = 1


@dataclass(slots=True)
class Asked:
    """A condition, and what was answered under it: the number of the prompt, and its answer."""

    condition: Condition
    answers: list[tuple[int, Answer]] = field(default_factory=list)

    @property
    def signature(self) -> frozenset[tuple[int, Answer]]:
        return frozenset(self.answers)


@dataclass(frozen=True, slots=True)
class _Parting:
    """Where two answers to one prompt part. `token` is its number, None where only texts are known.

    `where` is a clause.
    """

    where: str
    token: int | None
    difference: Difference | None


def make_endpoint_result(
    endpoint: Endpoint,
    prompts: PromptSet,
    asked: Sequence[Asked],
    *,
    wanted: Sequence[tuple[Mode, int]],
    failure: SubjectError | None,
) -> AuditResult:
    """Compare what was answered with the answers alone.

    `failure` is what ended it early: what was not come to is told, and nothing equal is success.
    """
    alone = dict(reversed(asked[0].answers))
    classes = _find_classes(asked, alone)
    by_condition = {(one.condition.mode, one.condition.size): one for one in asked[2:]}
    outcomes: list[VariationOutcome] = []
    for mode, size in wanted:
        under = by_condition.get((mode, size))
        why = "" if failure is None else failure.message
        outcomes.append(_describe(mode, size, under, alone, asked=asked, why=why))
    ended = Outcome(OutcomeKind.COMPLETED, 0)
    verdict = decide(
        Comparison(
            outcomes=tuple(ended for _ in asked),
            compared=sum(len(one.answers) for one in asked[1:]),
            classes=classes,
            is_cut=failure is not None and len(classes) < 2,
        )
    )
    options = endpoint.options
    result = AuditResult(
        verdict=verdict,
        headline="",
        subject=options.url,
        runs=tuple(
            RunSummary(number, ended, 0, len(one.answers), condition=one.condition.name)
            for number, one in enumerate(asked)
        ),
        classes=classes,
        steps=0,
        question=Question.VARY,
        variations=tuple(outcomes),
        not_checked=_list_unchecked(endpoint, failure),
        compared=(("answer", sum(len(one.answers) for one in asked)),),
        environment=(
            ("endpoint", options.url),
            ("model", endpoint.model),
            ("API", "chat completions" if options.is_chat else "completions"),
            ("temperature", "0"),
            ("seed", str(options.seed)),
            ("max tokens", str(options.tokens)),
        ),
    )
    headline = word_headline(result, compared=result.compared[0][1])
    return replace(result, headline=headline)


def _find_classes(asked: Sequence[Asked], alone: dict[int, Answer]) -> tuple[tuple[int, ...], ...]:
    """Group conditions: those whose answers are the ones alone, and others by what they gave."""
    groups: dict[frozenset[tuple[int, Answer]], list[int]] = {}
    as_alone = frozenset(alone.items())
    for number, one in enumerate(asked):
        key = as_alone if one.signature <= as_alone else one.signature
        groups.setdefault(key, []).append(number)
    return tuple(map(tuple, groups.values()))


def _describe(
    mode: Mode,
    size: int,
    under: Asked | None,
    alone: dict[int, Answer],
    *,
    asked: Sequence[Asked],
    why: str,
) -> VariationOutcome:
    outcome = VariationOutcome(
        name=f"{SERVER_PREFIX}{mode.value}",
        value=str(size),
        dependence=Dependence.NOT_TRIED,
        why=why,
    )
    if under is None or not under.answers:
        return outcome
    answers = under.answers
    differing = [(number, answer) for number, answer in answers if answer != alone[number]]
    said = _count(under, alone)
    outcome = replace(
        outcome,
        dependence=Dependence.NONE,
        run=asked.index(under),
        why=f"{said}; cut short: {why}" if why and under is asked[-1] else said,
    )
    if not differing:
        return outcome
    number, answer = differing[0]
    parting = _part(alone[number], answer)
    return replace(
        outcome,
        dependence=Dependence.UNEXPLAINED,
        why=f"{outcome.why}; {len(differing)} are not the one alone, the first {parting.where}",
        tensor="answer" if parting.token is None else f"token {parting.token}",
        tensors=len(differing),
        difference=parting.difference,
    )


def _count(under: Asked, alone: dict[int, Answer]) -> str:
    """Return `16 answers to 4 prompts, 4 unique`: as many as there are prompts, if all is well.

    The answers alone are among the unique ones.
    """
    numbers = {number for number, _ in under.answers}
    unique = under.signature | {(number, alone[number]) for number in numbers}
    of_prompts = "one prompt" if len(numbers) == 1 else f"{len(numbers)} prompts"
    return f"{len(under.answers)} answers to {of_prompts}, {len(unique)} unique"


def _part(first: Answer, second: Answer) -> _Parting:
    """Return where two answers that are not equal part: a token, its probability, or the text."""
    same = 0
    for one, other in zip(first.tokens, second.tokens, strict=False):
        if one != other:
            break
        same += 1
    difference = _measure(first.numbers[:same], second.numbers[:same])
    bits = zip(first.logprobs[:same], second.logprobs[:same], strict=True)
    changed = next((place for place, (one, other) in enumerate(bits) if one != other), None)
    if same < max(len(first.tokens), len(second.tokens)):
        tokens = [_show(one.tokens[same : same + 1]) for one in (second, first)]
        where = f"from token {same} on: {tokens[0]} for {tokens[1]}"
        if changed is not None:
            where += f", after the probability of token {changed}"
        return _Parting(where, same if changed is None else changed, difference)
    if changed is not None:
        where = f"by the probability of token {changed} alone: the text is the same"
        return _Parting(where, changed, difference)
    place = 0
    for one, other in zip(first.text, second.text, strict=False):
        if one != other:
            break
        place += 1
    if first.text == second.text:
        return _Parting(f"by how it ends: {second.ending!r} for {first.ending!r}", None, None)
    return _Parting(f"from character {place} on", None, None)


def _show(token: Sequence[str]) -> str:
    return repr(token[0][:40]) if token else "no further token"


def _measure(first: Sequence[float], second: Sequence[float]) -> Difference | None:
    """Return how far the probabilities of equal tokens are apart; None if they are not."""
    pairs = list(zip(first, second, strict=True))
    differing = [
        (place, one, other)
        for place, (one, other) in enumerate(pairs)
        if struct.pack(">d", one) != struct.pack(">d", other)
    ]
    if not differing:
        return None
    finite = [(one, other) for _, one, other in differing if math.isfinite(one + other)]
    largest = [max(abs(one), abs(other)) for one, other in finite]
    gaps = [abs(one - other) for one, other in finite]
    return Difference(
        elements=len(pairs),
        differing=len(differing),
        max_ulp=max((_count_ulp(one, other) for one, other in finite), default=None),
        max_abs=max(gaps, default=None),
        max_rel=max(
            (gap / size for gap, size in zip(gaps, largest, strict=True) if size), default=None
        ),
        first_index=(differing[0][0],),
    )


def _count_ulp(one: float, other: float) -> int:
    """Return how many numbers lie between two: of float32, where both are such, else of float64."""
    is_single = all(
        struct.unpack("<f", struct.pack("<f", value))[0] == value for value in (one, other)
    )
    form = ("<f", "<i", 31) if is_single else ("<d", "<q", 63)
    return abs(_place(one, *form) - _place(other, *form))


def _place(value: float, form: str, integer: str, bits: int) -> int:
    """Return the place of a number among all of its type, in rising order."""
    number: int = struct.unpack(integer, struct.pack(form, value))[0]
    return number if number >= 0 else -(number & ((1 << bits) - 1))


def _list_unchecked(endpoint: Endpoint, failure: SubjectError | None) -> tuple[NotChecked, ...]:
    notes = [_NO_OPERATOR, _WHAT_IS_SERVED]
    if not endpoint.gives_logprobs:
        notes.insert(0, _NO_LOGPROBS)
    if failure is not None:
        what = "what was to be asked after that"
        notes.insert(0, NotChecked(Unchecked.AUDIT_ENDED, what, failure.message))
    return tuple(notes)
