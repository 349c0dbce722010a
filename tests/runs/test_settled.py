from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import parse_subject
from reproaudit.errors import SubjectError
from reproaudit.runs.settled import settle_outcome


def test_a_run_that_is_killed_before_its_trace_is_begun_says_so_and_what_may_have_done_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "train.py").touch()
    plan = RunPlan(tmp_path / "trace", parse_subject("train.py", cwd=tmp_path))
    log = tmp_path / "log"
    log.write_text("loading 40 GB\n")
    with pytest.raises(SubjectError, match=r"train.py' was killed by SIGKILL before any") as raised:
        settle_outcome(plan, -9, recorded=None, timed_out_s=None, log=log)
    assert raised.value.code == "nothing-recorded"
    assert "out of memory" in str(raised.value.hint)
    assert str(raised.value.hint).endswith("loading 40 GB")
