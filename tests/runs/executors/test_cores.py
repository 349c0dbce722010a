"""Each run's share of the cores and GPUs."""

from __future__ import annotations

import pytest

from reproaudit.errors import UsageError
from reproaudit.runs.executors.cores import list_cores, share_cores, share_gpus

FOUR_WITH_TWO_THREADS = [(0, 4), (1, 5), (2, 6), (3, 7)]


def test_no_core_is_given_to_two_runs_and_all_have_equally_many() -> None:
    assert share_cores(FOUR_WITH_TWO_THREADS, 2) == [(0, 1, 4, 5), (2, 3, 6, 7)]
    assert share_cores(FOUR_WITH_TWO_THREADS, 3) == [(0, 4), (1, 5), (2, 6)]


def test_threads_of_one_core_do_not_count_as_cores() -> None:
    with pytest.raises(UsageError, match=r"there are cores \(4\)") as caught:
        share_cores(FOUR_WITH_TWO_THREADS, 5)
    assert caught.value.hint.startswith("--jobs 4 at most")


def test_every_processor_of_this_machine_belongs_to_one_core() -> None:
    processors = [number for core in list_cores() for number in core]
    assert processors
    assert len(set(processors)) == len(processors)


def test_gpus_are_shared_where_there_are_any() -> None:
    assert share_gpus([], 2) == []
    assert share_gpus(["0", "1", "2", "3"], 2) == ["0,1", "2,3"]
    with pytest.raises(UsageError, match=r"there are GPUs \(1\)"):
        share_gpus(["0"], 2)
