"""The table of interventions, and that none of them changes a program that has no source of
divergence."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.config.settings import Settings, make_environment, to_dict
from reproaudit.errors import UsageError
from reproaudit.knowledge.interventions import (
    INTERVENTIONS,
    combine_settings,
    find,
    list_acting_on,
    list_against,
    list_for_call,
    list_for_clue,
)
from reproaudit.knowledge.traits import Clue, Part
from reproaudit.model.cause import Cause
from reproaudit.trace.runs import Run, open_run
from tests.auditing import PROGRAMS

PACKAGE = Path(__file__).parents[2] / "reproaudit"
# The recorded environment has a fact of this name, and no intervention is meant by it.
OTHER_MEANING = {("record/process/environment.py", "cudnn.deterministic")}
PROGRAM = PROGRAMS / "ordinary.py"
ON_CPU = [name for name, entry in INTERVENTIONS.items() if not entry.only_cuda]
# neighbours in the table touch the same thing and could hide each other, so each goes to another
# group
GROUPS = 5
OPEN_CAUSES = {Cause.UNKNOWN}  # what nothing is known of, nothing removes


def recorded(folder: Path, name: str, *words: str) -> Run:
    """Record the ordinary program once in `folder` and open its trace; it must leave no temporary
    file."""
    command = [
        sys.executable,
        "-m",
        "reproaudit",
        "record",
        "--steps",
        "all",
        "--out",
        name,
        *words,
        str(PROGRAM),
    ]
    # Not below `folder`: DataLoader workers pass memory through sockets there, whose paths have 107
    # bytes at most.
    with tempfile.TemporaryDirectory(prefix="ra-") as short:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": short},
        )
        left = sorted(
            path.name for path in Path(short).iterdir() if not path.name.startswith("torchinductor")
        )
    assert done.returncode == 0, done.stderr
    assert left == []
    return open_run(folder / name, 0)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return recorded(tmp_path_factory.mktemp("plain"), "plain")


@pytest.mark.slow
@pytest.mark.parametrize("names", [ON_CPU[start::GROUPS] for start in range(GROUPS)], ids=" ".join)
def test_a_program_without_a_source_computes_the_same_under_every_intervention(
    plain: Run, tmp_path: Path, names: list[str]
) -> None:
    changed = recorded(
        tmp_path, "changed", *(word for name in names for word in ("--intervene", name))
    )
    comparison = compare_boundaries([plain, changed], Interned())
    assert comparison.compared > 30
    assert len(comparison.classes) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["changed", "changed.plan.json"]


@pytest.mark.slow
def test_the_ordinary_program_is_reproducible_under_all_interventions_at_once(
    plain: Run, tmp_path: Path
) -> None:
    changed = recorded(
        tmp_path, "changed", *(word for name in ON_CPU for word in ("--intervene", name))
    )
    assert len(compare_boundaries([plain, changed], Interned()).classes) == 1


def test_every_cause_that_is_known_has_an_intervention() -> None:
    removed = {cause for entry in INTERVENTIONS.values() for cause in entry.causes}
    assert set(Cause) - OPEN_CAUSES == removed


@pytest.mark.parametrize("name", list(INTERVENTIONS))
def test_an_intervention_changes_something_and_can_be_written_by_the_user(name: str) -> None:
    entry = INTERVENTIONS[name]
    assert to_dict(entry.settings) or entry.fresh_files
    assert entry.patch
    assert (name in entry.settings.interventions) == bool(entry.module)


def test_interventions_inside_the_process_have_their_modules_and_those_import_no_torch() -> None:
    modules = sorted({entry.module for entry in INTERVENTIONS.values() if entry.module})
    program = (
        "import importlib, sys\n"
        f"found = [importlib.import_module(name) for name in {modules!r}]\n"
        "print(all(callable(module.install) for module in found), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout == "True False\n"


def test_interventions_are_united_and_keep_what_the_user_has_set() -> None:
    changed = combine_settings(
        Settings(seed=7, env=(("A", "1"),)), ("hash.seed", "threads.one", "compile.off")
    )
    assert (changed.seed, changed.hash_seed, changed.threads) == (7, 0, 1)
    assert changed.interventions == ("threads.one",)
    assert make_environment(changed)["A"] == "1"
    assert make_environment(changed)["PYTHONHASHSEED"] == "0"


def test_interventions_for_a_gpu_are_left_out_without_one() -> None:
    assert "cublas.workspace" in list_against([Cause.KERNEL], cuda=True)
    assert list_against([Cause.KERNEL], cuda=False) == (
        "kernels.deterministic",
        "threads.one",
        "compile.off",
    )


def test_an_unknown_intervention_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"hash\.sed") as caught:
        find("hash.sed")
    assert "hash.seed" in caught.value.hint


def names_written_outside_the_table() -> set[tuple[str, str]]:
    """Return the files that name an intervention in a string of its own, with the name."""
    found: set[tuple[str, str]] = set()
    for path in PACKAGE.rglob("*.py"):
        if path.stem.startswith("interventions") and path.parent.name == "knowledge":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in INTERVENTIONS:
                found.add((path.relative_to(PACKAGE).as_posix(), str(node.value)))
    return found


def test_no_module_but_the_table_names_an_intervention() -> None:
    assert names_written_outside_the_table() == OTHER_MEANING


def test_every_clue_is_answered_and_no_two_interventions_claim_one_rank_of_it() -> None:
    for clue in Clue:
        ranks = [entry.clues[clue] for entry in INTERVENTIONS.values() if clue in entry.clues]
        assert sorted(ranks) == list(range(1, len(ranks) + 1)), clue


def test_the_ranks_decide_the_order_and_not_the_table() -> None:
    assert list_for_clue(Clue.DRAWS_REORDERED) == (
        "threads.serial",
        "hash.seed",
        "addresses.fixed",
        "clock.fixed",
    )
    assert list_for_call("torch.manual_seed")[:2] == ("clock.fixed", "entropy.fixed")


def test_the_longest_start_of_a_call_wins_over_its_library() -> None:
    assert list_for_call("random.SystemRandom.random") == ("entropy.fixed",)
    assert list_for_call("random.shuffle") == ("seed.python",)
    assert list_for_call("no.such.library") == ()


def test_interventions_are_found_by_the_part_they_act_on_in_the_order_of_the_parts() -> None:
    assert list_acting_on((Part.CUBLAS, Part.KERNELS)) == (
        "cublas.workspace",
        "kernels.deterministic",
    )
