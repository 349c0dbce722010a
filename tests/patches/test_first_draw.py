"""Which statements could draw, as far as their text tells."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from reproaudit.patches.first_draw import could_draw, find_first_draw, read_names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = torch.rand(3)", True),
        ("x = [f(y) for y in z]", True),
        ("for x in y:\n    f(x)", True),
        ("try:\n    pass\nexcept E:\n    f()", True),
        ("class A:\n    x = f()", True),
        ("@f(1)\ndef g(): pass", True),
        ("import model", True),
        ("import package.part", True),
        ("from . import x", True),
        ("if __name__ == '__main__':\n    main()", True),
        ("import torch.nn as nn", False),
        ("def f(): return torch.rand(3)", False),
        ("class A:\n    def f(self): return g()", False),
        ("x = lambda: f()", False),
        ("if TYPE_CHECKING:\n    import model", False),
        ("os.environ.setdefault('A', 'b')", False),
        ("parser.add_argument('--seed')", False),
        ("words = 'a b'.split()", False),
        ("torch.manual_seed(3)", False),
        ("device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')", False),
        ("SIZE = 3", False),
    ],
)
def test_a_statement_that_calls_what_is_not_known_could_draw(
    tmp_path: Path, text: str, expected: bool
) -> None:
    (tmp_path / "model.py").write_text("")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "part.py").write_text("")
    (tmp_path / "torch").mkdir()
    (statement,) = ast.parse(text).body
    assert could_draw(statement, tmp_path) is expected


def test_the_first_draw_is_found_and_where_there_is_none_the_end(tmp_path: Path) -> None:
    assert find_first_draw(ast.parse("import a\nx = 1\nf()\ng()").body, tmp_path) == 2
    assert find_first_draw(ast.parse("import a\nx = 1").body, tmp_path) == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("np.random.seed", ("np", "seed")),
        ("seed", ("seed", "seed")),
        ("f().seed", ("", "seed")),
        ("f()", ("", "")),
    ],
)
def test_the_first_and_the_last_name_of_a_function_are_read(
    text: str, names: tuple[str, str]
) -> None:
    assert read_names(ast.parse(text, mode="eval").body) == names
