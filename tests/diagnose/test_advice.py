"""What to write by hand, in the words of the line that was found."""

from __future__ import annotations

from reproaudit.diagnose.advice import advise
from reproaudit.model.cause import Cause
from reproaudit.model.events import Phase
from reproaudit.model.result import Finding

FINDING = Finding("", Cause.WORKER_SEED, "", Phase.DATA, 0)


def test_tasks_of_a_pool_are_given_a_seed_and_no_loader_is_advised() -> None:
    line = "rows = Parallel(n_jobs=2)(delayed(noisy)(8) for _ in range(32))"
    (advice,) = advise(FINDING, ["workers.seed"], line, refuses=False)
    assert advice.startswith("delayed(task)(..., seed)")
    assert "DataLoader" not in advice


def test_a_line_without_tasks_is_advised_to_seed_its_loader() -> None:
    lines = advise(FINDING, ["workers.seed"], "for batch in loader:", refuses=False)
    assert any("worker_init_fn" in line for line in lines)
