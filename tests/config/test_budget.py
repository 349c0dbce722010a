"""What an audit may cost at most, as it is written."""

from __future__ import annotations

import pytest

from reproaudit.config.budget import parse_budget
from reproaudit.errors import UsageError


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("40", (40, None)),
        ("runs=40", (40, None)),
        ("minutes=1.5", (None, 90.0)),
        ("minutes=1,runs=2", (2, 60.0)),
        ("5m", (None, 300.0)),
        ("90s", (None, 90.0)),
        ("1.5h", (None, 5400.0)),
        ("20,5m", (20, 300.0)),
        ("5min, 20", (20, 300.0)),
    ],
)
def test_a_budget_is_of_runs_of_time_or_of_both(
    text: str, budget: tuple[int | None, float | None]
) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1.5", "0m", "m", "5d", "5m,6m", "3,4", "minutes=1e308", "5 m", "infm"]
)
def test_what_is_no_budget_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_budget(text)
    assert '"20,5m"' in str(caught.value)
