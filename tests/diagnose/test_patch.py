"""A fix as a patch of the user's own file."""

from __future__ import annotations

import ast
import textwrap

import pytest

from reproaudit.diagnose.patch import make_patch


def patched(text: str, names: tuple[str, ...], line: int | None = None) -> str:
    """Apply the diff by hand: keep the lines that it adds, drop those that it removes; "" where
    there is none."""
    text = textwrap.dedent(text)
    rows = make_patch(text, "train.py", names, line)
    return "\n".join(row[1:] for row in rows[2:] if row.startswith("+"))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (
            "hash.seed",
            "ids = {w: i for i, w in enumerate(set(words))}",
            "enumerate(sorted(set(words)))",
        ),
        ("hash.seed", "heads = [Head(t) for t in TASKS]", "for t in sorted(TASKS)]"),
        ("hash.seed", "names = list({'a', 'b'} )", "list(sorted({'a', 'b'}) )"),
        ("hash.seed", "for name in self.names: pass", "for name in sorted(self.names): pass"),
        ("files.sorted", "for f in os.listdir(d): pass", "for f in sorted(os.listdir(d)): pass"),
        ("files.sorted", "paths = [p for p in Path(d).iterdir()]", "in sorted(Path(d).iterdir())]"),
        ("order.arrival", "out = list(pool.imap_unordered(f, xs))", "pool.imap(f, xs)"),
        ("order.arrival", "dl = DataLoader(d, num_workers=2, in_order=False)", "in_order=True)"),
        ("memory.fill", "self.bias = torch.empty(3, dtype=d)", "torch.zeros(3, dtype=d)"),
        ("memory.fill", "w = old.new_empty(3)", "old.new_zeros(3)"),
        ("seed.torch_generators", "g.seed()", "g.manual_seed(0)"),
        ("seed.numpy_generators", "rng = np.random.default_rng()", "np.random.default_rng(0)"),
    ],
)
def test_the_line_to_blame_is_edited(name: str, before: str, after: str) -> None:
    result = patched(f"import torch\n{before}\n", (name,), 2)
    ast.parse(result)
    assert after in result


def test_a_seed_stands_behind_the_last_import_and_only_once() -> None:
    text = "import torch\nimport os\n\nx = torch.rand(3)\n"
    rows = make_patch(text, "train.py", ("seed.torch", "kernels.deterministic"), None)
    added = [row[1:] for row in rows if row.startswith("+") and not row.startswith("+++")]
    assert added == ["torch.manual_seed(0)", "torch.use_deterministic_algorithms(True)"]
    assert rows[:2] == ("--- train.py", "+++ train.py")
    assert [row[1:] for row in rows if row.startswith(" ")] == ["import os", ""]


def test_a_seed_stands_behind_the_last_import_though_an_edit_above_it_removes_a_line() -> None:
    text = "import torch\ndl = DataLoader(d, in_order=(1 ==\n    2))\nimport os\nx = 1\n"
    rows = make_patch(text, "train.py", ("order.arrival", "seed.torch"), 2)
    kept = [row[1:] for row in rows[3:] if not row.startswith("-")]
    assert kept == [
        "import torch",
        "dl = DataLoader(d, in_order=(True))",
        "import os",
        "torch.manual_seed(0)",
        "x = 1",
    ]


def test_a_form_feed_ends_no_line_of_a_program() -> None:
    text = "import torch\n\f\nx = '\u2028'\ng = torch.Generator()\ng.seed()\n"
    rows = make_patch(text, "train.py", ("seed.torch_generators",), 5)
    assert rows == (
        "--- train.py",
        "+++ train.py",
        "@@ -4,2 +4,2 @@",
        " g = torch.Generator()",
        "-g.seed()",
        "+g.manual_seed(0)",
    )


def test_a_library_that_the_file_does_not_import_is_imported() -> None:
    assert patched("import torch\n", ("seed.python",)).splitlines() == [
        "import random",
        "random.seed(0)",
    ]


def test_columns_behind_letters_of_several_bytes_are_right() -> None:
    assert (
        patched("x = 'größe', list(set(wörter))\n", ("hash.seed",), 1)
        == "x = 'größe', list(sorted(set(wörter)))"
    )


def test_a_seed_that_was_given_is_left_alone() -> None:
    assert (
        make_patch("rng = np.random.default_rng(3)\n", "train.py", ("seed.numpy_generators",), 1)
        == ()
    )


def test_there_is_no_patch_for_what_only_the_user_can_decide() -> None:
    assert make_patch("import time\nnow = time.time()\n", "train.py", ("clock.fixed",), 2) == ()


def test_a_file_that_is_no_python_gives_no_patch() -> None:
    assert make_patch("def (:\n", "train.py", ("seed.torch",), None) == ()
