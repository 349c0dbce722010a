"""Tasks of a pool that are seeded by their number; the edited programs are run."""

from __future__ import annotations

import random
from typing import Any

import pytest

from reproaudit.patches.program_text import ProgramText
from reproaudit.patches.task_edits import seed_tasks

PROGRAM = """\
import random


def draw(low, high=9):
    return random.randint(low, high)


def choose(low, seed):
    return random.randint(low, low + seed)


def main():
    return [task() for task in {tasks}]
"""


def delayed(function: Any) -> Any:
    """As joblib's: what is called with arguments later."""
    return lambda *args, **kwargs: lambda: function(*args, **kwargs)


def edit(text: str) -> str:
    program = ProgramText(text)
    line = len(text.splitlines())
    nodes = next(iter(program.group_nodes(line)))
    return program.apply(seed_tasks(program, nodes))


@pytest.mark.seeded
@pytest.mark.parametrize(
    ("tasks", "after"),
    [
        ("(delayed(draw)(0) for _ in range(8))", "for seed, _ in enumerate(range(8))"),
        ("(delayed(draw)(0, high=x) for x in rows if x)", "for seed, x in enumerate(rows) if x"),
        ("[delayed(choose)(0, seed=3) for _ in rows]", "(seed, choose, 0, seed=3) for seed, _ in"),
        ("[delayed(draw)(seed) for seed in rows]", "for task_seed, seed in enumerate(rows)"),
        ("[delayed(draw)(a, b) for a, b in pairs]", "for seed, (a, b) in enumerate(pairs)"),
        ("[delayed(draw)(a, b) for (a, b) in pairs]", "for seed, (a, b) in enumerate(pairs)"),
        (
            "[delayed(draw)(*pair) for pair in pairs]",
            "[delayed(call_with_seed)(seed, draw, *pair) for seed, pair in enumerate(pairs)]",
        ),
    ],
)
def test_each_task_draws_the_same_whatever_was_drawn_before(tasks: str, after: str) -> None:
    changed = edit(PROGRAM.format(tasks=tasks))
    assert after in changed
    names = {"delayed": delayed, "rows": [5, 0, 7], "pairs": [(1, 9), (2, 9)]}
    exec(changed, names)
    main: Any = names["main"]
    random.seed(1)
    first = main()
    random.seed(2)
    assert main() == first
    assert "numpy" not in changed


@pytest.mark.parametrize(
    "tasks",
    [
        "[partial(draw)(0) for _ in range(8)]",
        "[delayed(draw)(x) for row in rows for x in row]",
        "[delayed(draw) for _ in range(8)]",
        "[delayed(draw)(seed, task_seed + seed_of_task) for _ in range(8)]",
    ],
)
def test_what_cannot_be_numbered_is_left(tasks: str) -> None:
    text = PROGRAM.format(tasks=tasks)
    assert edit(text) == text


def test_what_the_program_imports_is_seeded_too() -> None:
    changed = edit("from numpy import random\nimport torch.nn\n[delayed(f)() for _ in xs]\n")
    assert "    numpy.random.seed(seed)\n    torch.manual_seed(seed)\n" in changed
    assert changed.endswith("[delayed(call_with_seed)(seed, f) for seed, _ in enumerate(xs)]\n")
