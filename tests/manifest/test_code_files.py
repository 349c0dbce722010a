"""Which files are the program's own code."""

from __future__ import annotations

from pathlib import Path

from reproaudit.config.subject import parse_subject
from reproaudit.manifest.code_files import SourceLines, find_code_files
from reproaudit.model.events import Location
from tests.notebooks import write_notebook

FILES = {
    "app/train.py": (
        "import model, json, numpy\nfrom settings.defaults import EPS\nfrom lib import ops as o\n"
    ),
    "app/model.py": "from .lost import x\nimport train\n",
    "app/settings/__init__.py": "",
    "app/settings/defaults.py": "from . import far\nEPS = 1e-8\n",
    "app/settings/far.py": "",
    "app/unused.py": "",
    "app/json.py": "not python(",
    "lib/__init__.py": "",
    "lib/ops.py": "",
}


def project(folder: Path) -> Path:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_the_subject_s_file_and_all_that_it_imports_of_its_own_are_found(tmp_path: Path) -> None:
    found = find_code_files(parse_subject("app/train.py", cwd=project(tmp_path)), ())
    assert [path for path, _ in found] == [
        "../lib/__init__.py",
        "../lib/ops.py",
        "json.py",
        "model.py",
        "settings/__init__.py",
        "settings/defaults.py",
        "settings/far.py",
        "train.py",
    ]


def test_files_that_called_an_operator_join_and_installed_or_foreign_ones_do_not(
    tmp_path: Path,
) -> None:
    subject = parse_subject("app/settings/far.py", cwd=project(tmp_path))
    outside = tmp_path.parent / "outside.py"
    outside.write_text("")
    shown = (
        "../unused.py",
        "site-packages/x/y.py",
        str(outside),
        "../../../outside.py",
        "gone.py",
        "",
        "<ipython-1>",
    )
    assert [path for path, _ in find_code_files(subject, shown)] == ["../unused.py", "far.py"]


def test_a_changed_byte_changes_the_digest_of_that_file_alone(tmp_path: Path) -> None:
    subject = parse_subject("app/train.py", cwd=project(tmp_path))
    before = dict(find_code_files(subject, ()))
    (tmp_path / "app/settings/defaults.py").write_text("from . import far\nEPS = 1e-7\n")
    after = dict(find_code_files(subject, ()))
    assert [path for path in before if before[path] != after[path]] == ["settings/defaults.py"]
    assert {len(digest) for digest in after.values()} == {16}


def test_a_subject_named_as_a_module_is_found_with_its_package(tmp_path: Path) -> None:
    subject = parse_subject("lib.ops:step", cwd=project(tmp_path))
    assert [path for path, _ in find_code_files(subject, ())] == ["lib/__init__.py", "lib/ops.py"]


def test_of_a_notebook_the_code_counts_and_what_it_imports(tmp_path: Path) -> None:
    folder = project(tmp_path) / "app"
    write_notebook(folder / "n.ipynb", "%time\nimport unused", "x = 1")
    subject = parse_subject("app/n.ipynb", cwd=tmp_path)
    found = dict(find_code_files(subject, ()))
    assert [*found] == ["n.ipynb", "unused.py"]
    write_notebook(folder / "n.ipynb", "%time\nimport unused", "x = 1", metadata={})
    assert dict(find_code_files(subject, ())) == found
    write_notebook(folder / "n.ipynb", "%timeit\nimport unused", "x = 1")
    assert dict(find_code_files(subject, ())) != found


def test_a_line_of_a_cell_is_read_in_its_cell(tmp_path: Path) -> None:
    write_notebook(tmp_path / "n.ipynb", "a = 1", "b = 2\n  c = 3")
    (tmp_path / "m.py").write_text("c = 3\n")
    lines = SourceLines(parse_subject("n.ipynb", cwd=tmp_path))
    digest = lines.digest(Location("n.ipynb", 2, cell=2))
    assert digest == lines.digest(Location("m.py", 1)) != ""
    assert lines.digest(Location("n.ipynb", 2, cell=1)) == ""
    assert lines.digest(Location("n.ipynb", 1, cell=9)) == ""
