"""What an executor is given is checked before anything runs."""

from __future__ import annotations

import pytest

from reproaudit.errors import UsageError
from reproaudit.runs.executors.options import read_amount, require_known


def test_an_unknown_key_is_an_error_that_names_the_nearest() -> None:
    require_known({"num_cpus": "1"}, ("num_cpus", "num_gpus"), "--ray")
    with pytest.raises(UsageError, match="--ray takes no 'num_cpu'") as caught:
        require_known({"num_cpu": "1"}, ("num_cpus", "num_gpus"), "--ray")
    assert "'num_cpus'" in caught.value.hint


def test_an_amount_is_a_number_that_is_not_negative() -> None:
    assert read_amount({}, "num_cpus", 1.0, "--ray") == 1.0
    assert read_amount({"num_cpus": "0.5"}, "num_cpus", 1.0, "--ray") == 0.5


@pytest.mark.parametrize("text", ["many", "-1", "nan", "inf"])
def test_anything_else_is_no_amount(text: str) -> None:
    with pytest.raises(UsageError, match="is no amount"):
        read_amount({"num_cpus": text}, "num_cpus", 1.0, "--ray")
