"""The imports that a script begins with: what may be done before its turn, and in which parts."""

from __future__ import annotations

import sys
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reproaudit.record.process.leading import (
    compile_in_parts,
    is_of_library,
    pause_among_imports,
)

SCRIPT = '''"""Says what it is."""
from __future__ import annotations
import os, json
"a text that nobody reads"
from xml.dom import minidom as dom
import sys; here = sys._getframe()
"another text"
def f(x: int): ...
import random
'''


@pytest.fixture(autouse=True)
def finders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a bare interpreter; this one's are pytest's, too."""
    bare = [BuiltinImporter, FrozenImporter, PathFinder]
    monkeypatch.setattr(sys, "meta_path", bare)


class FakeTurn:
    """Comes when it is waited for."""

    has_come = False

    def wait(self) -> None:
        self.has_come = True


def run_in_parts(source: str, turn: FakeTurn) -> tuple[dict[str, Any], list[bool]]:
    """Return the script's names, and for each part whether the turn had come before it."""
    names: dict[str, Any] = {}
    waited = []
    for code in pause_among_imports(source.encode(), "s.py", turn):  # type: ignore[arg-type]
        waited.append(turn.has_come)
        exec(code, names)
    return names, waited


def test_a_script_in_parts_is_the_script(tmp_path: Path) -> None:
    names, waited = run_in_parts(SCRIPT, FakeTurn())
    whole: dict[str, Any] = {}
    exec(compile(SCRIPT, "s.py", "exec", dont_inherit=True), whole)
    assert list(names) == list(whole)
    assert names["__doc__"] == "Says what it is."
    assert names["f"].__annotations__ == whole["f"].__annotations__ == {"x": "int"}
    assert (names["here"].f_code.co_filename, names["here"].f_code.co_name) == ("s.py", "<module>")
    assert waited == [False, False, False, False, True]


def test_annotations_are_no_texts_unless_the_script_says_so() -> None:
    names, _ = run_in_parts("import os\ndef f(x: int): ...\n", FakeTurn())
    assert names["f"].__annotations__ == {"x": int}


def test_errors_are_told_at_their_lines() -> None:
    script = compile_in_parts(b"import os\n\nimport sys\nx = 1\n1 / 0\n", "s.py")
    with pytest.raises(ZeroDivisionError) as caught:
        exec(script.rest, {})
    trace = caught.value.__traceback__
    assert trace is not None
    assert trace.tb_next is not None
    assert trace.tb_next.tb_lineno == 5


@pytest.mark.parametrize(
    "source",
    [
        "import os; os.environ['A'] = 'b'\nimport json\n",
        "try:\n    import json\nexcept ImportError:\n    pass\n",
        "from . import json\n",
        "x = 1\nimport json\n",
        "if True:\n    import json\n",
    ],
)
def test_nothing_is_done_early_behind_another_statement(source: str) -> None:
    imports = compile_in_parts(source.encode(), "s.py").imports
    assert [packages for one in imports for packages in one.packages] in (["os"], [])


def test_what_follows_a_module_of_the_users_waits_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_alone.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    _, waited = run_in_parts("import os\nimport mine_alone\nimport json\n", FakeTurn())
    sys.modules.pop("mine_alone")
    assert waited == [False, True, True, True]


def test_a_module_of_the_users_is_none_of_a_library_though_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_of_library("colorsys")
    (tmp_path / "colorsys.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert not is_of_library("colorsys")


def test_packages_that_are_installed_are_libraries_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spread").mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    found = {name: is_of_library(name) for name in ("sys", "numpy", "spread", "not_there")}
    assert found == {"sys": True, "numpy": True, "spread": False, "not_there": False}


def test_a_finder_of_the_programs_is_not_asked_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        raise AssertionError(f"asked for {name}")

    finder = SimpleNamespace(find_spec=find_spec)
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert not is_of_library("colorsys")
