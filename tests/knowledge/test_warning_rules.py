"""The table of warnings: rules without a cause, in a hundred of their own."""

from __future__ import annotations

from reproaudit.knowledge.rules import WARNINGS
from reproaudit.knowledge.warning_rules import WARNING_RULES


def test_warnings_have_ids_of_their_own_hundred_and_no_cause() -> None:
    assert list(WARNINGS) == [f"RA{500 + number}" for number in range(1, 1 + len(WARNINGS))]
    assert all(rule.cause is None and rule.id == name for name, rule in WARNINGS.items())


def test_no_call_into_the_outside_world_speaks_for_a_warning() -> None:
    assert [rule.calls for rule in WARNING_RULES] == [()] * len(WARNINGS)
