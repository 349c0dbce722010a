"""Holds the house rules that no linter knows: what must be there, what must not, and that tests
leave no trace."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOME_PATH = re.compile(r"(?<![\w.])(?:/(?:home|Users)/[A-Za-z]|/roo[t]/|[A-Z]:\\+Users\\)")
GLANCE_LINES = 6
BROAD = {"Exception", "BaseException"}


def tracked_files() -> list[Path]:
    """Return what git tracks or would track; in a copy without git, all files not hidden."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        paths = [
            path
            for path in ROOT.rglob("*")
            if not any(p[0] == "." for p in path.relative_to(ROOT).parts)
        ]
    return sorted(path for path in paths if path.is_file())


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_files() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".py"]


def silenced(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of handlers that catch everything and do nothing about it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        is_broad = any(
            name is None or (isinstance(name, ast.Name) and name.id in BROAD) for name in caught
        )
        is_empty = all(
            isinstance(line, ast.Pass)
            or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            for line in node.body
        )
        if is_broad and is_empty:
            yield node.lineno


def skips_without_reason(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of skips that do not say why."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name, is_told = ast.unparse(node.func), bool(node.args or node.keywords)
            if name.endswith(("mark.skipif", "mark.xfail")):
                is_told = any(keyword.arg == "reason" for keyword in node.keywords)
            if (
                name.endswith(("pytest.skip", "mark.skip", "mark.skipif", "mark.xfail"))
                and not is_told
            ):
                yield node.lineno
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield from (
                d.lineno
                for d in node.decorator_list
                if ast.unparse(d).endswith(("mark.skip", "mark.xfail"))
            )


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Yield what lacks a docstring: the module, and public functions too long to be taken in at a
    glance."""
    if not ast.get_docstring(tree):
        yield "the module"
    for node in tree.body:
        if (
            isinstance(node, ast.FunctionDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ):
            if (node.end_lineno or 0) - node.lineno >= GLANCE_LINES:
                yield node.name


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "LICENSE", "reproaudit/py.typed"])
def test_a_reader_finds_what_every_project_has(name: str) -> None:
    assert (ROOT / name).is_file()


def test_the_changelog_knows_this_version() -> None:
    version = re.search(r'__version__ = "(.+)"', text_of(ROOT / "reproaudit" / "__init__.py"))
    assert version is not None
    assert f"\n## {version[1]}" in text_of(ROOT / "CHANGELOG.md")


def test_no_handler_catches_everything_and_says_nothing() -> None:
    found = [
        f"{relative(path)}:{line}"
        for path in python_files()
        for line in silenced(ast.parse(text_of(path)))
    ]
    assert found == []


def test_every_skip_has_a_reason() -> None:
    found = [
        f"{relative(path)}:{line}"
        for path in python_files()
        for line in skips_without_reason(ast.parse(text_of(path)))
    ]
    assert found == []


def test_no_file_names_a_home_folder() -> None:
    found = [
        f"{relative(path)}:{number}"
        for path in tracked_files()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if HOME_PATH.search(line)
    ]
    assert found == []


def test_what_is_public_says_what_it_does() -> None:
    package = [path for path in python_files() if relative(path).startswith("reproaudit/")]
    assert len(package) > 20
    assert [
        f"{relative(path)}: {name}"
        for path in package
        for name in undocumented(ast.parse(text_of(path)))
    ] == []


MOST_POSITIONAL = 4
# One record is packed for each operator of a program: spreading a tuple would cost a quarter more.
PACKED_IN_PLACE = {"reproaudit/record/operation/op_events.py": 1}
RECORD_FIELDS = frozenset(
    "kind phase flags step name module location thread count aux inputs outputs".split()
)


def package_files() -> list[Path]:
    files = [path for path in python_files() if relative(path).startswith("reproaudit/")]
    assert len(files) > 100
    return files


def calls_with_many_positions(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of calls whose values a reader would have to count."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            plain = [value for value in node.args if not isinstance(value, ast.Starred)]
            if len(plain) > MOST_POSITIONAL:
                yield node.lineno


def record_fields_by_name(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that take a field out of a record of a trace by its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            if node.slice.value in RECORD_FIELDS:
                yield node.lineno


def test_no_call_passes_more_than_four_values_by_position() -> None:
    found = {
        relative(path): len(lines)
        for path in package_files()
        if (lines := list(calls_with_many_positions(ast.parse(text_of(path)))))
    }
    assert found == PACKED_IN_PLACE


def test_nothing_is_kept_from_the_formatter() -> None:
    mark = "# fmt: " + "skip"
    assert [relative(path) for path in python_files() if mark in text_of(path)] == []


def test_only_the_room_of_traces_takes_fields_out_of_records() -> None:
    # The atlas and the reports have JSON rows of their own.
    elsewhere = ("reproaudit/trace/", "reproaudit/atlas/", "reproaudit/report/")
    elsewhere += ("reproaudit/cli/atlas.py",)
    found = [
        f"{relative(path)}:{line}"
        for path in package_files()
        if not relative(path).startswith(elsewhere)
        for line in record_fields_by_name(ast.parse(text_of(path)))
    ]
    assert found == []


def test_calls_and_records_are_found_where_they_are_planted() -> None:
    assert list(calls_with_many_positions(ast.parse("f(1, 2, 3, 4)\nf(1, 2, 3, 4, 5)"))) == [2]
    assert list(calls_with_many_positions(ast.parse("f(*five)\nf(1, 2, 3, 4, *rest, g=1)"))) == []
    assert list(record_fields_by_name(ast.parse("row['aux']\nrow['other']"))) == [1]


@pytest.mark.parametrize(
    "source", ["try: f()\nexcept: pass", "try: f()\nexcept (OSError, Exception): ..."]
)
def test_a_silent_handler_is_found(source: str) -> None:
    assert list(silenced(ast.parse(source))) == [2]


def test_a_narrow_or_an_answering_handler_is_left_alone() -> None:
    assert list(silenced(ast.parse("try: f()\nexcept OSError: pass\nexcept Exception: g()"))) == []


def test_the_examples_know_nothing_of_this_tool() -> None:
    programs = sorted((ROOT / "examples").rglob("*.py"))
    assert len(programs) >= 4
    for program in programs:
        imports = [
            node
            for node in ast.walk(ast.parse(text_of(program)))
            if isinstance(node, (ast.Import, ast.ImportFrom))
        ]
        assert "reproaudit" not in " ".join(ast.unparse(node) for node in imports)


def test_the_makefile_installs_the_torch_that_the_constraints_name() -> None:
    pins = re.findall(r"torch==([\d.]+)", text_of(ROOT / "Makefile"))
    assert pins == re.findall(r"^torch==([\d.]+)$", text_of(ROOT / "constraints.txt"), re.MULTILINE)


def test_every_direct_dependency_is_constrained() -> None:
    pyproject = text_of(ROOT / "pyproject.toml")
    named = set(re.findall(r'^    "([\w-]+)>=[\d.]+",(?:  # .*)?$', pyproject, re.MULTILINE))
    constrained = set(re.findall(r"^([\w-]+)==", text_of(ROOT / "constraints.txt"), re.MULTILINE))
    assert {"torch", "numpy", "pytest", "ruff", "safetensors"} <= named <= constrained


def test_every_dependency_says_what_it_is_for() -> None:
    lines = text_of(ROOT / "pyproject.toml").splitlines()
    named = [(at, line) for at, line in enumerate(lines) if re.match(r'    "[\w-]+>=', line)]
    assert len(named) > 20
    silent = [
        line for at, line in named if "  # " not in line and not lines[at - 1].startswith("    # ")
    ]
    assert silent == []


LEAKY = """
import os, random, sys, time
import pytest
from hypothesis import given, strategies as st

def test_environment(): os.environ["LEFT"] = "1"
def test_environment_again(): assert "LEFT" not in os.environ
def test_python_random(): random.random()
@pytest.mark.seeded
def test_seeded(): random.random()
@pytest.mark.leaves("python-random", reason="it draws")
def test_allowed(): random.random()
@pytest.mark.leaves("python-random")
def test_allowed_without_reason(): pass
def test_cwd(tmp_path): os.chdir(tmp_path)
def test_cwd_by_monkeypatch(tmp_path, monkeypatch): monkeypatch.chdir(tmp_path)
def test_sys_path(): sys.path.insert(0, "nowhere")
def test_finder(): sys.meta_path.append(type("Finder", (), {"find_spec": lambda *a: None}))
def test_numpy_first_imported():
    import numpy
    numpy.random.rand()
def test_numpy_random():
    import numpy
    numpy.random.rand()
@given(st.integers(), st.randoms(use_true_random=False))
def test_hypothesis(number, rng):
    import numpy
    numpy.random.rand()
    random.random()
"""

LEAKY_TORCH = """
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

class Mode(torch.utils._python_dispatch.TorchDispatchMode):
    pass

def test_clean(): torch.ones(2).sum()
def test_draw(): torch.rand(1)
def test_fork_of_the_state():
    with torch.random.fork_rng(devices=[]): torch.rand(1)
def test_flag(): torch.use_deterministic_algorithms(True)
def test_flag_is_put_back(): assert not torch.are_deterministic_algorithms_enabled()
def test_grad(): torch.set_grad_enabled(False)
def test_threads(): torch.set_num_threads(torch.get_num_threads() + 1)
def test_hook(): torch.nn.modules.module.register_module_forward_hook(print)
def test_optimizer_hook(): register_optimizer_step_pre_hook(print)
def test_patch(): torch.from_numpy = lambda array: None
def test_mode(): Mode().__enter__()
def test_mode_is_popped(): torch.ones(2)
def test_first_compile():
    import torch._inductor.config
"""


def run_under_our_conftest(pytester: pytest.Pytester, tests: str) -> set[str]:
    """Return the names of the tests in `tests` that our fixture gave an error."""
    pytester.makeconftest(text_of(ROOT / "conftest.py"))
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nmarkers = ["seeded", "leaves", "gpu"]')
    pytester.makepyfile(tests)
    done = pytester.runpytest_subprocess(
        "-q", "-rE", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly"
    )
    assert "failed" not in done.outlines[-1]
    return set(re.findall(r"^ERROR \S+::test_(\w+)", "\n".join(done.outlines), re.MULTILINE))


@pytest.mark.slow
def test_a_test_that_leaves_the_process_changed_is_an_error(pytester: pytest.Pytester) -> None:
    left = {
        "environment",
        "python_random",
        "allowed_without_reason",
        "cwd",
        "sys_path",
        "finder",
        "numpy_random",
    }
    assert run_under_our_conftest(pytester, LEAKY) == left


@pytest.mark.slow
def test_a_test_that_leaves_torch_changed_is_an_error(pytester: pytest.Pytester) -> None:
    left = {"draw", "flag", "grad", "threads", "hook", "optimizer_hook", "patch", "mode"}
    found = run_under_our_conftest(pytester, LEAKY_TORCH)
    assert found == left
