"""Holds the layer table: what each unit of the package may import, from the package and from
outside."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from reproaudit.runs.executors.registry import EXECUTORS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "reproaudit"
MAX_MODULE_LINES = 400
STDLIB = sys.stdlib_module_names


@dataclass(frozen=True)
class Layer:
    """What a unit may import besides itself and the standard library, wherever in the file the
    import stands."""

    units: frozenset[str] = frozenset()
    libraries: frozenset[str] = frozenset()


def layer(units: str = "", libraries: str = "") -> Layer:
    return Layer(frozenset(units.split()), frozenset(libraries.split()))


GROUND = "errors files codec printable prctl screen startup"

# A unit is a folder or a single module directly in the package, and of the atlas also the folder of
# what runs in its worker. From the ground up; whoever adds a unit adds its row.
LAYERS = {
    "errors": layer(),
    "bounds": layer(),
    "printable": layer(),
    "prctl": layer(),
    "screen": layer(),
    "startup": layer(),
    "files": layer("errors codec"),
    "codec": layer("errors bounds"),
    "model": layer("errors"),
    "trace": layer(f"model {GROUND}", "numpy"),
    "config": layer(f"trace.words model {GROUND}"),
    "knowledge": layer(f"config trace.words model {GROUND}"),
    "patches": layer(f"knowledge config model {GROUND}"),
    "report": layer(f"knowledge config trace.words model {GROUND}", "tabulate rich"),
    "comparison": layer(f"trace config model {GROUND}", "numpy xxhash ml_dtypes"),
    "record": layer(
        f"knowledge config trace model {GROUND}",
        "torch triton numpy xxhash ipykernel jupyter_client",
    ),
    "runs": layer(
        f"knowledge config trace model {GROUND}",
        "tqdm rich nbclient nbformat ipykernel jupyter_client ray submitit",
    ),
    "diagnose": layer(f"patches runs comparison knowledge config trace model {GROUND}", "numpy"),
    "experiment": layer(
        f"diagnose patches runs comparison report knowledge config trace model {GROUND}", "numpy"
    ),
    "gate": layer(f"experiment report knowledge config model {GROUND}"),
    "lock": layer(
        f"manifest experiment runs comparison report config trace model {GROUND}", "numpy"
    ),
    "manifest": layer(f"report knowledge config model {GROUND}"),
    "doctor": layer(f"manifest knowledge {GROUND}"),
    "serve": layer(f"report model {GROUND}"),
    "track": layer(f"report knowledge model {GROUND}", "mlflow wandb tensorboard"),
    "atlas": layer(f"report model {GROUND}", "tqdm"),
    "atlas.child": layer(f"atlas record trace.words {GROUND}", "torch numpy"),
    "pytest_plugin": layer(
        f"experiment diagnose record runs comparison report knowledge config trace model {GROUND}",
        "pytest _pytest torch numpy",
    ),
    "cli": layer(
        "doctor serve atlas lock manifest gate track experiment diagnose runs comparison report "
        f"knowledge config trace model {GROUND}",
        "tqdm shtab",
    ),
    "api": layer(
        f"cli track experiment record runs report knowledge config trace model {GROUND}",
        "torch IPython",
    ),
    "__main__": layer("cli"),
    "__init__": layer("api errors"),
}
LAZY_ONLY = {
    "pytest_plugin": frozenset({"record", "torch", "numpy"}),
    "api": frozenset({"record", "torch", "IPython"}),
    "__init__": frozenset({"api", "errors"}),
}


@dataclass(frozen=True)
class Import:
    """One import statement's target, with the place where it stands."""

    module: str  # "reproaudit.trace.schema", "torch.nn"
    line: int
    is_lazy: bool

    @property
    def unit(self) -> str | None:
        """Return the unit of the package, "" for the package itself, None for anything outside."""
        parts = self.module.split(".")
        return (parts[1] if len(parts) > 1 else "") if parts[0] == "reproaudit" else None

    @property
    def library(self) -> str:
        return self.module.split(".")[0]


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def unit_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "atlas.child" if parts[:2] == ("atlas", "child") else parts[0]


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def imports_in(source: str, own_name: str = "", *, is_package: bool = False) -> Iterator[Import]:
    """Yield every import, also those inside functions and under `if TYPE_CHECKING`, which couple as
    well."""
    own_package = own_name.split(".") if is_package else own_name.split(".")[:-1]

    def visit(node: ast.AST, is_lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, is_lazy)
        elif isinstance(node, ast.ImportFrom):
            base = own_package[: len(own_package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                deeper = f"{origin}.{alias.name}"
                yield Import(deeper if is_module(deeper) else origin, node.lineno, is_lazy)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "import_module",
            "importlib.import_module",
        ):
            if node.args and isinstance(node.args[0], ast.Constant):
                yield Import(str(node.args[0].value), node.lineno, is_lazy)
        is_deferred = isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        ) or _is_type_checking(node)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, is_lazy or is_deferred)

    yield from visit(ast.parse(source), False)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in (
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
    )


def imports_of(path: Path) -> Iterator[Import]:
    return imports_in(
        path.read_text(encoding="utf-8"), name_of(path), is_package=path.name == "__init__.py"
    )


def breaches(unit: str, imports: Iterator[Import]) -> Iterator[str]:
    """Yield what the table forbids `unit` to import."""
    allowed = LAYERS[unit]
    for found in imports:
        name = found.library if found.unit is None else found.unit
        if found.unit is None:
            is_allowed = name in STDLIB | allowed.libraries
        else:
            is_allowed = name in {"", unit} | allowed.units or is_part_of(
                found.module, allowed.units
            )
        if not is_allowed:
            yield f"line {found.line}: {found.module}"
        elif name in LAZY_ONLY.get(unit, ()) and not found.is_lazy:
            yield f"line {found.line}: {found.module} at import time"


def is_part_of(module: str, units: frozenset[str]) -> bool:
    """Tell whether one of the units, which may be a single module of a room, is the module."""
    return any(module == f"reproaudit.{unit}" for unit in units)


def test_every_unit_of_the_package_has_a_row_in_the_table() -> None:
    assert {unit_of(path) for path in modules()} <= LAYERS.keys()


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    assert list(breaches(unit_of(path), imports_of(path))) == []


@pytest.mark.parametrize(
    ("unit", "source", "is_breach"),
    [
        ("comparison", "import torch", True),
        ("comparison", "def f():\n    from torch import nn", True),
        ("comparison", "from reproaudit import record", True),
        (
            "comparison",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch",
            True,
        ),
        ("comparison", "import importlib\nimportlib.import_module('torch.nn')", True),
        ("comparison", "from reproaudit import __version__", False),
        ("comparison", "from reproaudit.trace import schema", False),
        ("record", "from ..comparison import align", True),
        ("record", "from .session import Recorder", False),
        ("report", "import reproaudit.trace.reader", True),
        ("report", "import json, tabulate", False),
        ("model", "import numpy", True),
        ("atlas", "def f():\n    import torch", True),
        (
            "atlas.child",
            "import torch\nfrom reproaudit.record import digest\n"
            "from reproaudit.atlas import cells",
            False,
        ),
        ("atlas.child", "from reproaudit import diagnose", True),
        ("cli", "import torch", True),
        ("cli", "class C:\n    from reproaudit.record import digest", True),
        ("cli", "def f():\n    import torch", True),
        ("pytest_plugin", "def f():\n    import torch", False),
        ("pytest_plugin", "import torch", True),
    ],
)
def test_the_walk_finds_a_planted_breach_and_nothing_else(
    unit: str, source: str, is_breach: bool
) -> None:
    assert bool(list(breaches(unit, imports_in(source, f"reproaudit.{unit}.module")))) is is_breach


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = {name_of(path) for path in modules()} - {"reproaudit"}
    graph = {
        name_of(path): {found.module for found in imports_of(path)} & known for path in modules()
    }
    done: set[str] = set()

    def circle(name: str, trail: tuple[str, ...]) -> tuple[str, ...]:
        if name in trail:
            return (*trail[trail.index(name) :], name)
        if name in done:
            return ()
        found = next(
            (c for target in sorted(graph[name]) if (c := circle(target, (*trail, name)))), ()
        )
        done.add(name)
        return found

    assert [c for name in sorted(graph) if (c := circle(name, ()))] == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_stays_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES


def imported_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after `statement`."""
    program = (
        f"import sys\n{statement}\nprint(*sorted(name for name in sys.modules if '.' not in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_no_module_outside_the_recorder_brings_torch_along() -> None:
    inside = ("record", "atlas.child", "__main__", "pytest_plugin")
    # What needs a library of an extra is imported only where that is asked for.
    extra = {one.module for one in EXECUTORS.values() if one.library and not find_spec(one.library)}
    outside = [name_of(path) for path in modules() if unit_of(path) not in inside]
    outside = [name for name in outside if name not in extra]
    assert len(outside) > 10
    assert "torch" not in imported_by(f"import {', '.join(outside)}")


def test_importing_the_package_imports_nothing_heavy() -> None:
    before = imported_by("pass")
    # Not even `typing`: it is imported before the first line of each audited program.
    assert imported_by("import reproaudit") - before == {"reproaudit"}


COMMANDS = ("", "record", "compare", "digest", "report", "explain", "ci", "serve", "doctor")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_given_before_anything_heavy_is_imported(command: str) -> None:
    words = [*command.split(), "--help"]
    asked = (
        "import contextlib, reproaudit.cli.main\n"
        f"with contextlib.suppress(SystemExit): reproaudit.cli.main.main({words})"
    )
    heavy = {"torch", "numpy", "safetensors", "tabulate", "tqdm", "rich", "http"}
    assert imported_by(asked).isdisjoint(heavy)


@pytest.mark.skipif(
    not (PACKAGE / "pytest_plugin").exists(), reason="this build has no pytest plugin"
)
def test_the_pytest_plugin_imports_nothing_heavy() -> None:
    loaded = imported_by("import pytest, reproaudit.pytest_plugin.hooks")
    assert "pytest" in loaded
    assert loaded.isdisjoint({"torch", "numpy", "safetensors"})


@pytest.mark.slow
def test_the_process_that_audits_never_imports_torch(tmp_path: Path) -> None:
    subject = f"{ROOT / 'examples' / 'layer.py'}::training_step"
    statement = (
        f"import os, reproaudit.cli.main\nos.chdir({str(tmp_path)!r})\n"
        "words = ['--runs', '2', '--steps', '1', '--no-alerts']\n"
        f"code = reproaudit.cli.main.main([{subject!r}, *words])\n"
        "assert code == 0, code"
    )
    loaded = imported_by(statement)
    assert "torch" not in loaded
    assert "numpy" in loaded
