"""Which cause a variation is, by whatever name it was given."""

from __future__ import annotations

import pytest

from reproaudit.knowledge.factor_causes import find_cause_of_factor, is_programs_own
from reproaudit.knowledge.variable_factors import find_factor
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.model.cause import Cause


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("threads", Cause.THREAD_COUNT),
        ("env.OPENBLAS_NUM_THREADS", Cause.THREAD_COUNT),
        ("env.PYTHONHASHSEED", Cause.HASH_ORDER),
        ("env.TZ", Cause.CLOCK),
        ("cpu.mkl", Cause.HARDWARE),
        ("env.EVAL_BATCH", None),
        ("arg.--threads", None),
    ],
)
def test_a_variable_that_a_library_reads_is_the_variation_of_the_table(
    name: str, cause: Cause | None
) -> None:
    assert find_cause_of_factor(find_factor(name)) is cause


def test_only_what_the_table_does_not_have_is_the_programs_own() -> None:
    names = ("env.OMP_NUM_THREADS", "env.VALIDATE", "arg.--lr", "threads")
    assert [is_programs_own(find_factor(name)) for name in names] == [False, True, True, False]


def test_every_variable_stands_for_a_variation_of_the_table() -> None:
    names = ("OMP_NUM_THREADS", "PYTHONHASHSEED", "MALLOC_PERTURB_", "MKL_CBWR", "TZ", "LC_ALL")
    assert {find_factor(f"env.{name}") for name in names} <= VARIATIONS.keys()
