"""Where an issue lies in a repository."""

from __future__ import annotations

import pytest

from reproaudit.model.events import Location
from reproaudit.report.issue import Place, find_place, find_subject_path


@pytest.mark.parametrize(
    ("folder", "path", "expected"),
    [
        ("", "train.py", "train.py"),
        ("examples/net", "train.py", "examples/net/train.py"),
        ("examples/net", "../../models/head.py", "models/head.py"),
        ("examples/net", "./lib//a.py", "examples/net/lib/a.py"),
        ("../other", "../here/train.py", None),
        ("examples", "../../outside.py", None),
        ("", "../outside.py", None),
        ("", "..", None),
        ("", "/usr/lib/python3/x.py", None),
        ("", "site-packages/torch/nn/functional.py", None),
        ("examples", "<string>", None),
        ("", "", None),
        ("", "a\nb.py", None),
        ("a\x1bb", "train.py", None),
        ("", "\udcff.py", None),
    ],
)
def test_only_a_file_below_the_working_directory_is_a_place(
    folder: str, path: str, expected: str | None
) -> None:
    place = find_place(folder, Location(path, 7, "f"))
    assert place == (Place(expected, 7, "f") if expected else None)


def test_a_line_that_is_not_known_is_no_place() -> None:
    assert find_place("", Location("train.py", 0)) is None
    assert find_place("", None) is None


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("train.py", "train.py"),
        ("examples/./layer.py::training_step", "examples/layer.py"),
        ("pkg.module:step", "pkg.module:step"),
        ("/elsewhere/train.py", "/elsewhere/train.py"),
        ("", "unknown"),
    ],
)
def test_a_subject_s_own_file_is_taken_from_its_name(subject: str, expected: str) -> None:
    assert find_subject_path(subject) == expected
