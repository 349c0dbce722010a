"""Where a seed becomes a constant."""

from __future__ import annotations

import ast

import pytest

from reproaudit.knowledge.traits import FixSeed
from reproaudit.patches.program_text import ProgramText
from reproaudit.patches.seed_edits import fix_seeds

OPTION = """\
if opt.seed is None:
    opt.seed = random.randint(1, 10000)
torch.manual_seed(opt.seed)
"""


def fix(source: str, line: int) -> str:
    """Return the program after the edit of a line to blame."""
    program = ProgramText(source)
    nodes = next(iter(program.group_nodes(line)))
    return program.apply(fix_seeds(program, FixSeed(()), nodes))


def test_a_seed_that_an_option_may_give_is_fixed_where_it_is_made_up() -> None:
    # At the call itself the user's own seed would have no effect any more.
    assert fix(OPTION, 3) == OPTION.replace("random.randint(1, 10000)", "0")


@pytest.mark.parametrize("made", ["int(time.time() * 1000) % 2**31", "os.getpid()"])
def test_a_seed_with_a_name_is_fixed_where_the_name_is_given(made: str) -> None:
    for name in ("seed", "seed: int"):
        source = f"{name} = {{}}\ntorch.manual_seed(seed)\n"
        assert fix(source.format(made), 2) == source.format("0")


@pytest.mark.parametrize("given", ["", "seed = None\n", "seed = args.seed\n"])
def test_a_name_that_nothing_is_called_for_is_fixed_where_it_is_used(given: str) -> None:
    line = 2 if given else 1
    assert fix(f"{given}torch.manual_seed(seed)\n", line) == f"{given}torch.manual_seed(0)\n"


def test_a_seed_without_a_name_is_fixed_in_its_place() -> None:
    fixed = fix("torch.manual_seed(hash(name))\n", 1)
    assert fixed == "torch.manual_seed(0)\n"
    ast.parse(fixed)


@pytest.mark.parametrize(
    "line",
    [
        'config = {{"lr": 0.1, "seed": {}}}',
        "config = Config(0.1, random_seed={})",
        'config["seed"] = {}',
    ],
    ids=["a dict", "an argument", "an item"],
)
def test_a_seed_that_a_configuration_holds_is_fixed_by_its_key(line: str) -> None:
    program = ProgramText(line.format("int(time.time())") + "\n")
    nodes = next(iter(program.group_nodes(1)))
    fixed = program.apply(fix_seeds(program, FixSeed(("time",)), nodes))
    assert fixed == line.format("0") + "\n"
    assert not fix_seeds(program, FixSeed(("uuid",)), nodes)
