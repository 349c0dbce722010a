"""The warnings that only several ranks can show."""

from __future__ import annotations

from reproaudit.knowledge.rank_rules import RANK_RULES
from reproaudit.knowledge.rules import WARNINGS


def test_what_ranks_show_is_among_the_warnings_that_are_explained() -> None:
    assert [WARNINGS[rule.id] for rule in RANK_RULES] == list(RANK_RULES)
