from pathlib import Path

import torch.distributed as dist

from reproaudit.record.process.ranks import find_rank, is_one_of_several, read_rank
from reproaudit.trace.facts import ProcessFacts


def test_a_launcher_says_the_rank_in_the_environment() -> None:
    given = {"RANK": "1", "WORLD_SIZE": "3", "TORCHELASTIC_RESTART_COUNT": "2"}
    assert read_rank(given, "") == ProcessFacts(rank=1, world=3, restart=2)
    assert read_rank(given, "0") == ProcessFacts(rank=1, world=3, restart=2)


def test_what_a_rank_starts_is_no_rank() -> None:
    assert read_rank({"RANK": "1", "WORLD_SIZE": "3"}, "1") is None


def test_variables_that_say_nothing_name_no_rank() -> None:
    assert read_rank({}, "") is None
    assert read_rank({"RANK": "1"}, "") is None
    assert read_rank({"RANK": "-1", "WORLD_SIZE": "two"}, "") is None


def test_a_group_that_is_formed_says_the_rank(tmp_path: Path) -> None:
    assert find_rank() is None
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/s", rank=0, world_size=1)
    try:
        assert find_rank() == ProcessFacts(rank=0, world=1)
        assert not is_one_of_several()
    finally:
        dist.destroy_process_group()
