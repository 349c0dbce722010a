"""Every private name of torch is in one table, is there in this torch, and may be missing."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from reproaudit.record import torch_private
from reproaudit.record.hooks.lookup import Name, Need

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "reproaudit"
MISSING = Path(__file__).with_name("missing_names.py")
NAMES = list(torch_private.NAMES)
# The standard library, NumPy, IPython and the recorder itself have private names, too, not torch's.
OTHERS = frozenset(
    "_exit _getframe _active _bootstrap_inner _identity _rand _bit_generator _MT19937 "
    "_legacy_seeding _ConnectionBase _fork_exec _forkserver _submitted _NormalAccessor "
    "_StringGlobber _filename_map".split()
)


@pytest.fixture(scope="module")
def runs() -> Any:
    """What runs without each name showed, by the name's path; "" is the run with all of them."""
    done = subprocess.run(
        [sys.executable, str(MISSING)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.path)
def test_this_torch_has_the_name(name: Name) -> None:
    if name.need is Need.CUDA and torch.version.cuda is None:
        pytest.skip("this torch was built without CUDA")
    assert name.is_there, f"torch {torch.__version__} lacks {name.path}; lost: {name.lost}"


def test_the_parts_for_streams_of_cuda_are_there_to_be_imported() -> None:
    assert torch_private.sanitizer_spec() is not None
    trace = torch_private.gpu_trace()
    assert [name for name in torch_private.SANITIZER_CALLBACKS if not hasattr(trace, name)] == []
    assert torch_private.SKIPS_CODE
    assert "math" in torch_private.ATTENTION_KERNELS


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.path)
@pytest.mark.parametrize("level", ["boundary", "operation"])
def test_a_run_without_the_name_ends_well_and_says_what_is_not_checked(
    name: Name, level: str, runs: Any
) -> None:
    run, complete = runs[name.path][level], runs[""][level]
    assert run["ended"] == "completed"
    assert run["result"] == complete["result"]
    told = [note for note in run["notes"] if note["why"].endswith(f"lacks {name.path}")]
    is_needed = name.need is Need.EVERY_RUN or (
        name.need is Need.OPERATIONS and level == "operation"
    )
    if name.lost and is_needed:
        assert [note["what"] for note in told] == [name.lost]
    else:
        assert told == []
        # Another way gives the same: nothing that was recorded before is missing now.
        if not name.lost:
            assert run["events"] == complete["events"]


@pytest.mark.slow
def test_without_a_missing_name_nothing_is_said(runs: Any) -> None:
    for run in runs[""].values():
        assert [note for note in run["notes"] if " lacks " in note["why"]] == []
        assert run["events"]["batch"] > 0
    assert runs[""]["operation"]["events"]["op"] > 0


def private_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the private names that a module uses and neither defines nor finds in `self`."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    defined = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            is_own = isinstance(owner, ast.Name) and owner.id in ("self", "cls")
            if is_private(node.attr) and not is_own and node.attr not in defined:
                yield node.lineno, node.attr
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None) or ""
            for alias in node.names:
                full = f"{module}.{alias.name}".strip(".")
                parts = full.split(".")
                if parts[0] == "torch" and any(map(is_private, parts)):
                    yield node.lineno, full
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("getattr", "hasattr", "setattr") and len(node.args) > 1:
                wanted = node.args[1]
                if isinstance(wanted, ast.Constant) and is_private(str(wanted.value)):
                    yield node.lineno, str(wanted.value)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_no_private_name_of_torch_stands_outside_the_table() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for room in ("record", "atlas/child")
        for path in sorted((PACKAGE / room).rglob("*.py"))
        if path.name != "torch_private.py"
        for line, name in private_names(ast.parse(path.read_text(encoding="utf-8")))
        if name not in OTHERS
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "import torch.cuda._gpu_trace",
        "from torch._C import DisableTorchFunction",
        "from torch.utils._python_dispatch import TorchDispatchMode",
        "x = torch._C.set_num_threads",
        "x = storage._cdata",
        "x = getattr(op, '_schema', None)",
    ],
)
def test_a_private_name_is_seen_wherever_it_stands(code: str) -> None:
    assert list(private_names(ast.parse(code)))
