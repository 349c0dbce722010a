from __future__ import annotations

import pytest

from reproaudit.record.process.arrival import find_program


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (["python", "train.py", "-m", "x"], "train.py"),
        (["python", "-u", "/env/bin/torchrun", "train.py"], "torchrun"),
        (["python", "-m", "torch.distributed.run", "train.py"], "torch.distributed.run"),
        (["python", "-X", "dev", "-m", "pip", "list"], "pip"),
        (["python", "-c", "pass", "-m", "pip"], ""),
        (["python", "/x/compile_worker/__main__.py"], "/x/compile_worker/__main__.py"),
        (["python"], ""),
    ],
)
def test_the_program_of_an_interpreter_is_read_from_its_command_line(
    words: list[str], program: str
) -> None:
    assert find_program(words) == program
