"""Where runs are made, as the command line says it."""

from __future__ import annotations

import argparse

import pytest

from reproaudit.cli.execution import add_execution, read_execution
from reproaudit.config.execution import Execution
from reproaudit.errors import UsageError


def read(*words: str, thorough: bool = False) -> Execution:
    parser = argparse.ArgumentParser()
    add_execution(parser)
    options = parser.parse_args(words)
    options.thorough = thorough
    return read_execution(options)


def test_without_options_runs_are_made_here_one_after_the_other() -> None:
    assert read().is_plain
    assert read(thorough=True).is_plain


def test_an_executor_is_given_its_options() -> None:
    execution = read("--executor", "ray", "--ray", "address=head:6379, num_gpus=1", "--jobs", "4")
    assert execution == Execution("ray", 4, (("address", "head:6379"), ("num_gpus", "1")))
    assert read("--executor", "slurm", "--slurm", "gres=gpu:1").options == (("gres", "gpu:1"),)


def test_options_of_another_executor_are_an_error() -> None:
    with pytest.raises(UsageError, match="--slurm is for --executor slurm"):
        read("--executor", "ray", "--slurm", "gres=gpu:1")
    with pytest.raises(UsageError, match="--ray is for --executor ray"):
        read("--ray", "num_cpus=1")


@pytest.mark.parametrize("words", [("--jobs", "2"), ("--executor", "ray")])
def test_load_is_made_only_beside_runs_on_this_machine(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="--thorough"):
        read(*words, thorough=True)


@pytest.mark.parametrize("text", ["num_cpus", "=1", "num_cpus=", "a=1,,b=2"])
def test_what_is_no_pair_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read("--executor", "ray", "--ray", text)
    assert "is not KEY=VALUE" in capsys.readouterr().err
