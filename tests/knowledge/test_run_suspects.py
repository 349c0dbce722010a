"""The ranking of what two runs may differ in: every fact has an entry, and every entry a use."""

from __future__ import annotations

import pytest

from reproaudit.knowledge.run_suspects import SUSPECTS, Area, Risk, find_rank
from reproaudit.knowledge.variables import LAUNCH_VARIABLES, NUMERIC_VARIABLES


def test_levels_fall_from_the_top_of_the_table_to_its_end() -> None:
    order = list(Risk)
    levels = [order.index(suspect.risk) for suspect in SUSPECTS]
    assert levels == sorted(levels)


@pytest.mark.parametrize("area", list(Area))
@pytest.mark.parametrize("name", ["", "x", "ünï\ncode", "x" * 10_000])
def test_every_fact_has_an_entry(area: Area, name: str) -> None:
    assert SUSPECTS[find_rank(area, name)].area is area


@pytest.mark.parametrize(
    "ranked",
    [
        [
            (Area.SETTING, "seed"),
            (Area.CHANGE, "src/train.py"),
            (Area.CODE, "commit"),
            (Area.PACKAGE, "torch"),
            (Area.PACKAGE, "numpy"),
            (Area.PACKAGE, "requests"),
            (Area.PACKAGE, "pytest"),
        ],
        [(Area.PARAMETER, "data_seed"), (Area.PARAMETER, "lr"), (Area.PARAMETER, "output_dir")],
        [(Area.PACKAGE, "nvidia-cudnn-cu12"), (Area.HARDWARE, "driver")],
        [(Area.HARDWARE, "gpus"), (Area.HARDWARE, "cpu"), (Area.SYSTEM, "release")],
        [(Area.VARIABLE, "CUBLAS_WORKSPACE_CONFIG"), (Area.VARIABLE, "OMP_NUM_THREADS")],
        [(Area.CHANGE, "conf/a.yaml"), (Area.CHANGE, "README.md"), (Area.COMMENT, "train.py")],
        [(Area.CODE, "commit"), (Area.METRIC, "loss")],
    ],
)
def test_what_changes_more_programs_comes_first(ranked: list[tuple[Area, str]]) -> None:
    ranks = [find_rank(area, name) for area, name in ranked]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize("name", ["seed", "data_seed", "train.seed", "globalSeed", "random_state"])
def test_a_seed_by_any_usual_name_is_a_seed(name: str) -> None:
    assert "draw" in SUSPECTS[find_rank(Area.PARAMETER, name)].reason


@pytest.mark.parametrize("name", ["seeded_by", "proceeds", "lr", "reseeding"])
def test_what_only_sounds_like_a_seed_is_none(name: str) -> None:
    assert "draw" not in SUSPECTS[find_rank(Area.PARAMETER, name)].reason


def test_every_variable_that_is_kept_has_a_reason_of_its_own_or_changes_only_when() -> None:
    low = {
        name
        for name in (*NUMERIC_VARIABLES, *LAUNCH_VARIABLES)
        if SUSPECTS[find_rank(Area.VARIABLE, name)].risk is Risk.LOW
    }
    assert low == {
        "CUDA_LAUNCH_BLOCKING",
        "CUDA_VISIBLE_DEVICES",
        "CUDA_DEVICE_MAX_CONNECTIONS",
        "PYTORCH_CUDA_ALLOC_CONF",
        "PYTORCH_ALLOC_CONF",
        "PYTORCH_NO_CUDA_MEMORY_CACHING",
    }
