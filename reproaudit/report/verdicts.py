"""Owns the words for verdicts: what was asked decides how an answer is called."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.model.question import Question
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict

VERDICTS = {
    Verdict.REPRODUCIBLE: "reproducible",
    Verdict.NOT_REPRODUCIBLE: "not reproducible",
    Verdict.WITHIN_TOLERANCE: "within tolerance",
    Verdict.NOT_AUDITED: "not audited",
}
# The questions whose answer lies in the operators of two runs that differ.
OF_RUNS = (Question.AUDIT, Question.RESUME)
# Of a question that is not "is it the same twice?": how it is called if nothing differs that ought
# not to, and if something does.
_ANSWERS = {
    Question.VARY: ("equal", "differs"),
    Question.RESUME: ("equal", "differs"),
    Question.SEEDS: ("as expected", "not as expected"),
}


def name_verdict(verdict: Verdict, question: Question = Question.AUDIT) -> str:
    """Return the words for a verdict on a question."""
    if question in _ANSWERS:
        good, bad = _ANSWERS[question]
        if verdict is Verdict.REPRODUCIBLE:
            return good
        if verdict is Verdict.NOT_REPRODUCIBLE:
            return bad
    return VERDICTS[verdict]


def name_answer(result: AuditResult) -> str:
    """Return the words for a result's verdict."""
    return name_verdict(result.verdict, result.question)


def count_answers(results: Sequence[AuditResult]) -> list[str]:
    """Return `2 reproducible`, `1 differs` and so on: those of audits first, in a fixed order."""
    counted = []
    for question in Question:
        for verdict in VERDICTS:
            word = name_verdict(verdict, question)
            if word not in counted:
                counted.append(word)
    names = list(map(name_answer, results))
    return [_count(names.count(word), word) for word in counted if word in names]


def _count(number: int, word: str) -> str:
    # The one word among them that is a verb.
    plural = "differ" if word == "differs" else word
    return f"{number:,} {word if number == 1 else plural}"
