"""What a tracker is told of variations, a resumed run and streams."""

from __future__ import annotations

from reproaudit.track.facts import list_facts
from tests.report.question_cases import RESUME, SEEDS, VARY


def test_each_question_has_its_tables() -> None:
    named = [table.name for table in list_facts(VARY).tables]
    assert named == ["variations", "divergences", "findings"]
    table = list_facts(VARY).tables[0]
    assert table.rows[0][:4] == (
        "hash_seed=1",
        "a bug",
        "other sign from step 0, steady",
        "aten::embedding",
    )
    assert dict(list_facts(VARY).metrics)["reproaudit/variations_bug"] == 2
    named = [table.name for table in list_facts(RESUME).tables]
    assert named == ["lost_state", "checkpoints", "divergences", "findings", "trials"]
    named = [table.name for table in list_facts(SEEDS).tables]
    assert named == ["streams", "timeline"]
