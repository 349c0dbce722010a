"""What looks like a rule: each rule has some, and names others by ids that there are."""

from __future__ import annotations

import re

import pytest

from reproaudit.knowledge.lookalikes import LOOKALIKES
from reproaudit.knowledge.rules import ALL_RULES


def test_every_rule_is_told_from_others_and_nothing_else_is() -> None:
    assert set(LOOKALIKES) == set(ALL_RULES)
    assert all(LOOKALIKES.values())


@pytest.mark.parametrize("rule", LOOKALIKES)
def test_a_rule_is_told_once_from_each_of_others_in_whole_sentences(rule: str) -> None:
    others = [other.what for other in LOOKALIKES[rule]]
    assert rule not in others
    assert len(set(others)) == len(others)
    for other in LOOKALIKES[rule]:
        assert other.what in ALL_RULES or not re.match(r"RA\d", other.what)
        assert other.apart == " ".join(other.apart.split())
        assert other.apart.endswith(".")
