"""A fix as one patch of the user's own files, applied as the user would apply it."""

from __future__ import annotations

import ast
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from reproaudit.config.subject import parse_subject
from reproaudit.model.events import LibraryCall, Location
from reproaudit.patches.patch import Patch, Repair, make_patch, read_line

needs_patch = pytest.mark.skipif(shutil.which("patch") is None, reason="there is no `patch` here")


def make(folder: Path, repairs: list[Repair], path: str = "train.py", **options: bool) -> Patch:
    return make_patch(repairs, parse_subject(path, cwd=folder), **options)


def write(folder: Path, text: str, path: str = "train.py") -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())


def patched(folder: Path, text: str, names: tuple[str, ...], line: int | None = None) -> str:
    """Return the program's text with the patch in it; "" where there is no patch."""
    write(folder, textwrap.dedent(text))
    location = Location("train.py", line) if line is not None else None
    patch = make(folder, [Repair(names, location)])
    return patch.files[0].after if patch.files else ""


def apply(folder: Path, patch: Patch) -> None:
    """Apply the patch as a user does who stands in the folder."""
    rows = "".join(f"{row}\n" for row in patch.rows)
    subprocess.run(["patch", "-p0"], input=rows.encode(), cwd=folder, check=True)


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
        (
            "hash.seed",
            "a, b = set(x), list(set(y)) + [*map(f, {1, 2})]",
            "list(sorted(set(y))) + [*map(f, sorted({1, 2}))]",
        ),
        ("workers.seed", "random.seed(os.getpid())", "random.seed(torch.initial_seed() % 2**32)"),
        ("files.sorted", "for f in os.listdir(d): pass", "for f in sorted(os.listdir(d)): pass"),
        ("files.sorted", "paths = [p for p in Path(d).iterdir()]", "in sorted(Path(d).iterdir())]"),
        ("order.arrival", "out = list(pool.imap_unordered(f, xs))", "pool.imap(f, xs)"),
        ("order.arrival", "dl = DataLoader(d, num_workers=2, in_order=False)", "in_order=True)"),
        ("memory.fill", "self.bias = torch.empty(3, dtype=d)", "torch.zeros(3, dtype=d)"),
        ("memory.fill", "w = old.new_empty(3)", "old.new_zeros(3)"),
        ("seed.torch_generators", "g.seed()", "g.manual_seed(0)"),
        ("seed.numpy_generators", "rng = np.random.default_rng()", "np.random.default_rng(0)"),
        ("seed.python", "rng = random.Random()", "rng = random.Random(0)"),
        ("seed.python", "random.seed()", "random.seed(0)"),
        ("clock.fixed", "torch.manual_seed(int(time.time()))", "torch.manual_seed(0)"),
        (
            "clock.fixed",
            "s = int(time.time()); torch.manual_seed(s)",
            "s = 0; torch.manual_seed(s)",
        ),
        ("entropy.fixed", "rng = random.Random(uuid.uuid4().int)", "random.Random(0)"),
        ("entropy.fixed", "rng = random.SystemRandom()", "random.Random(0)"),
        ("seed.numpy_generators", "rng = np.random.default_rng(seed or None)", "default_rng(0)"),
        ("seed.numpy_generators", "rng = np.random.default_rng(None)", "default_rng(0)"),
        (
            "polars.fixed",
            "means = t.group_by('user').agg(x)",
            "group_by('user', maintain_order=True)",
        ),
        ("polars.fixed", "rows = frame.sample(n=4)", "frame.sample(n=4, seed=0)"),
        ("addresses.fixed", "g.manual_seed(id(self) % 997)", "g.manual_seed(0)"),
        ("hash.seed", "g.manual_seed(hash(k) % 9)", "g.manual_seed(zlib.crc32(repr(k).encode())"),
        ("files.sorted", "fs.sort(key=os.path.getmtime)", "fs.sort(key=None)"),
        ("order.arrival", "for f in as_completed(fs, timeout=3): pass", "for f in fs: pass"),
        ("threads.one", "torch.set_num_threads(os.cpu_count())", "torch.set_num_threads(1)"),
        ("workers.none", "dl = DataLoader(d, num_workers=2)", "DataLoader(d, num_workers=0)"),
        ("seed.numpy", "rng = np.random.RandomState()", "rng = np.random.RandomState(0)"),
    ],
)
def test_the_line_to_blame_is_edited(tmp_path: Path, name: str, before: str, after: str) -> None:
    result = patched(tmp_path, f"import torch\n{before}\n", (name,), 2)
    ast.parse(result)
    assert after in result


def test_a_statement_of_several_lines_is_edited_wherever_its_set_stands(tmp_path: Path) -> None:
    text = "names = [\n    w\n    for w in set(words)\n]\n"
    assert patched(tmp_path, text, ("hash.seed",), 1) == (
        "names = [\n    w\n    for w in sorted(set(words))\n]\n"
    )


def test_workers_are_left_out_where_the_loader_is_made_and_not_where_they_read(
    tmp_path: Path,
) -> None:
    text = "with lock:\n    at = 3\ndl = DataLoader(d, num_workers=args.n)\n"
    after = text.replace("args.n", "0")
    assert patched(tmp_path, text, ("workers.none",), 1) == after


# Where lines go


@pytest.mark.parametrize(
    ("text", "after"),
    [
        pytest.param(
            "import torch\nx = torch.rand(3)\nimport os\n",
            "import torch\ntorch.manual_seed(0)\nx = torch.rand(3)\nimport os\n",
            id="an import may come after the draw",
        ),
        pytest.param(
            '#!/usr/bin/env python\n"""Trains."""\nfrom __future__ import annotations\n'
            "import os\nimport torch as th\nimport sys\nx = th.rand(3)\n",
            '#!/usr/bin/env python\n"""Trains."""\nfrom __future__ import annotations\n'
            "import os\nimport torch as th\nth.manual_seed(0)\nimport sys\nx = th.rand(3)\n",
            id="the name that the program gives to the library is used",
        ),
        pytest.param(
            "from torch import nn\nnet = nn.Linear(2, 2)\n",
            "from torch import nn\nimport torch\ntorch.manual_seed(0)\nnet = nn.Linear(2, 2)\n",
            id="a part of the library is not the library",
        ),
        pytest.param(
            "import os\nfrom model import net\nimport torch\n",
            "import os\nimport torch\ntorch.manual_seed(0)\nfrom model import net\nimport torch\n",
            id="a module of the program may draw when it is imported",
        ),
        pytest.param(
            "import torch; x = torch.rand(3)\n",
            "import torch; torch.manual_seed(0); x = torch.rand(3)\n",
            id="two statements share a line",
        ),
        pytest.param(
            "import torch\nx = torch.rand(3)\ntorch.manual_seed(0)\n",
            "import torch\ntorch.manual_seed(0)\nx = torch.rand(3)\ntorch.manual_seed(0)\n",
            id="a seed that comes too late is none",
        ),
        pytest.param(
            "import os\nos.environ['A'] = '1'\n\n@decorate(1)\ndef f(): pass\nf()\n",
            "import os\nos.environ['A'] = '1'\nimport torch\ntorch.manual_seed(0)\n\n"
            "@decorate(1)\ndef f(): pass\nf()\n",
            id="variables are set before the library is imported",
        ),
        pytest.param(
            "@decorate(1)\ndef f(): pass\n",
            "import torch\ntorch.manual_seed(0)\n@decorate(1)\ndef f(): pass\n",
            id="a decorator belongs to what it decorates",
        ),
        pytest.param("import torch", "import torch\ntorch.manual_seed(0)", id="no final newline"),
        pytest.param(
            "import torch\r\nx = torch.rand(3)\r\n",
            "import torch\r\ntorch.manual_seed(0)\r\nx = torch.rand(3)\r\n",
            id="line ends of Windows",
        ),
        pytest.param(
            "\ufeffimport torch\n\tx = 1\n".replace("\t", ""),
            "\ufeffimport torch\ntorch.manual_seed(0)\nx = 1\n",
            id="a byte order mark",
        ),
    ],
)
@needs_patch
def test_a_seed_goes_before_the_first_draw(tmp_path: Path, text: str, after: str) -> None:
    write(tmp_path, "", "model.py")
    write(tmp_path, text)
    patch = make(tmp_path, [Repair(("seed.torch",))])
    assert patch.files[0].after == after
    apply(tmp_path, patch)
    assert (tmp_path / "train.py").read_bytes().decode() == after


def test_a_library_that_the_file_does_not_import_is_imported(tmp_path: Path) -> None:
    assert patched(tmp_path, "import torch\n", ("seed.python",)) == (
        "import torch\nimport random\nrandom.seed(0)\n"
    )


SEEDED = """\
import torch, random
import numpy as np

def seed_all(seed):
    torch.manual_seed(seed)

def main():
    args = parse_args()
    seed_all(args.seed)
    x = torch.rand(3)

if __name__ == "__main__":
    main()
"""


def test_a_seed_goes_to_the_seeds_that_the_program_sets_at_its_start(tmp_path: Path) -> None:
    write(tmp_path, SEEDED)
    repairs = [Repair(("seed.python", "seed.numpy"))]
    (file,) = make(tmp_path, repairs, beside_seeds=True).files
    seeds = "    torch.manual_seed(seed)\n"
    assert file.after == SEEDED.replace(
        seeds, seeds + "    random.seed(0)\n    np.random.seed(0)\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    args = parse_args()\n", "    args = parse_args()\n    x = np.random.rand(3)\n"),
        ("    seed_all(args.seed)\n", "    if args.seed:\n        seed_all(args.seed)\n"),
        ("def main", "data = np.random.rand(3)\n\ndef main"),
    ],
    ids=["a draw comes before them", "they may not be set", "the module draws before it"],
)
def test_seeds_that_come_late_or_not_surely_are_no_place(
    tmp_path: Path, before: str, after: str
) -> None:
    text = SEEDED.replace(before, after)
    write(tmp_path, text)
    (file,) = make(tmp_path, [Repair(("seed.numpy",))], beside_seeds=True).files
    head = "import numpy as np\n"
    assert file.after == text.replace(head, f"{head}np.random.seed(0)\n")


def test_a_seed_of_the_same_kind_is_no_place_for_it_was_not_enough(tmp_path: Path) -> None:
    write(tmp_path, SEEDED)
    (file,) = make(tmp_path, [Repair(("seed.torch",))], beside_seeds=True).files
    assert file.after.startswith("import torch, random\ntorch.manual_seed(0)\n")


# Several findings, and where the user stands


@needs_patch
def test_several_findings_get_one_patch_that_applies_from_where_the_user_stands(
    tmp_path: Path,
) -> None:
    write(tmp_path, "import torch\nimport data\nx = torch.rand(3)\n", "my runs/train.py")
    write(tmp_path, "import os\n\nnames = list(set(words))\nfs = os.listdir('.')\n", "my runs/d.py")
    patch = make(
        tmp_path,
        [
            Repair(("hash.seed",), Location("d.py", 3)),
            Repair(("seed.torch",), Location("d.py", 3)),
            Repair(("files.sorted", "seed.torch"), Location("d.py", 4)),
        ],
        "my runs/train.py",
    )
    assert patch.left == ()
    apply(tmp_path, patch)
    assert (tmp_path / "my runs/train.py").read_text() == (
        "import torch\ntorch.manual_seed(0)\nimport data\nx = torch.rand(3)\n"
    )
    assert (tmp_path / "my runs/d.py").read_text() == (
        "import os\n\nnames = list(sorted(set(words)))\nfs = sorted(os.listdir('.'))\n"
    )


def test_paths_start_where_patch_is_called_and_a_file_that_it_would_not_reach_is_known(
    tmp_path: Path,
) -> None:
    write(tmp_path, "import torch\n", "a/train.py")
    write(tmp_path, "rng = np.random.default_rng()\n", "c/data.py")
    (tmp_path / "b").mkdir()
    seeded = [Repair(("seed.torch",))]
    for start, path in (("b", "../a/train.py"), ("b", str(tmp_path / "a/train.py"))):
        elsewhere = make(tmp_path / start, seeded, path)
        assert elsewhere.files[0].path == "train.py"
    below = make(tmp_path, seeded, str(tmp_path / "a/train.py"))
    assert below.files[0].path == "a/train.py"
    fixes_helper = [Repair(("seed.numpy_generators",), Location("../c/data.py", 1))]
    beyond = make(tmp_path / "b", fixes_helper, "../a/train.py")
    assert beyond.files[0].path == "../c/data.py"


@needs_patch
def test_paths_of_a_patch_that_goes_up_all_go_up_as_far(tmp_path: Path) -> None:
    write(tmp_path, "import torch\n", "a/b/train.py")
    write(tmp_path, "rng = np.random.default_rng()\n", "lib/data.py")
    location = Location("../../lib/data.py", 1)
    repairs = [Repair(("seed.numpy_generators",), location), Repair(("seed.torch",))]
    patch = make(tmp_path / "a" / "b", repairs, "train.py")
    assert sorted(file.path for file in patch.files) == [
        "../../a/b/train.py",
        "../../lib/data.py",
    ]
    rows = "\n".join(patch.rows) + "\n"
    command = ["patch", "-p2", "-d", "../.."]
    subprocess.run(command, input=rows, text=True, cwd=tmp_path / "a" / "b", check=True)
    assert "default_rng(0)" in (tmp_path / "lib" / "data.py").read_text()
    assert "manual_seed" in (tmp_path / "a" / "b" / "train.py").read_text()


def test_a_generator_without_a_seed_is_given_one_though_the_line_to_blame_draws_from_it(
    tmp_path: Path,
) -> None:
    text = "import numpy as np\nrng = np.random.default_rng()\nx = rng.random()\n"
    assert patched(tmp_path, text, ("seed.numpy_generators",), 3) == (
        "import numpy as np\nrng = np.random.default_rng(0)\nx = rng.random()\n"
    )


def test_where_the_line_to_blame_has_no_set_all_sets_of_the_program_are_sorted(
    tmp_path: Path,
) -> None:
    text = "kinds: set = {'a', 'b'}\nfor k in kinds: pass\nxs = list(set(ys))\nnet(1, [2])\n"
    assert patched(tmp_path, text, ("hash.seed",), 4) == (
        "kinds: set = {'a', 'b'}\nfor k in sorted(kinds): pass\n"
        "xs = list(sorted(set(ys)))\nnet(1, [2])\n"
    )


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (
            "clock.fixed",
            "s = int(time.time())\ng.manual_seed(s)\nlog(time.time())\nx = rand()\n",
            "s = 0\ng.manual_seed(s)\nlog(time.time())\nx = rand()\n",
        ),
        (
            "hash.seed",
            "from __future__ import annotations\n"
            "g.manual_seed(hash(k))\ncached = hash(k)\nrand()\n",
            "from __future__ import annotations\nimport zlib\n"
            "g.manual_seed(zlib.crc32(repr(k).encode()))\ncached = hash(k)\nrand()\n",
        ),
    ],
)
def test_a_seed_made_of_what_differs_is_mended_where_it_is_made(
    tmp_path: Path, name: str, before: str, after: str
) -> None:
    assert patched(tmp_path, before, (name,), 4) == after


# The diff itself


@needs_patch
def test_an_edit_above_the_seed_that_removes_a_line_does_not_move_it(tmp_path: Path) -> None:
    text = "import os\ndl = DataLoader(d, in_order=(1 ==\n    2))\nimport torch\nx = 1\n"
    write(tmp_path, text)
    patch = make(tmp_path, [Repair(("order.arrival", "seed.torch"), Location("train.py", 2))])
    apply(tmp_path, patch)
    assert (tmp_path / "train.py").read_text() == (
        "import os\nimport torch\ntorch.manual_seed(0)\n"
        "dl = DataLoader(d, in_order=(True))\nimport torch\nx = 1\n"
    )


def test_a_form_feed_ends_no_line_of_a_program(tmp_path: Path) -> None:
    write(tmp_path, "import torch\n\f\nx = '\u2028'\ng = torch.Generator()\ng.seed()\n")
    patch = make(tmp_path, [Repair(("seed.torch_generators",), Location("train.py", 5))])
    assert patch.rows == (
        "--- train.py",
        "+++ train.py",
        "@@ -4,2 +4,2 @@",
        " g = torch.Generator()",
        "-g.seed()",
        "+g.manual_seed(0)",
    )


def test_columns_behind_letters_of_several_bytes_are_right(tmp_path: Path) -> None:
    assert (
        patched(tmp_path, "x = 'größe', list(set(wörter))\n", ("hash.seed",), 1)
        == "x = 'größe', list(sorted(set(wörter)))\n"
    )


def test_a_seed_that_was_given_is_left_alone(tmp_path: Path) -> None:
    text = "rng = np.random.default_rng(3)\n"
    assert patched(tmp_path, text, ("seed.numpy_generators",), 1) == ""


@pytest.mark.parametrize("text", ["import time\nnow = time.time()\n", "def (:\n", "a = 1\rb = 2\n"])
def test_what_only_the_user_can_write_is_said_to_be_left(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    patch = make(tmp_path, [Repair(("clock.fixed",), Location("train.py", 2))])
    assert patch == Patch(left=("clock.fixed",))


def test_a_line_is_read_only_from_files_of_the_program(tmp_path: Path) -> None:
    write(tmp_path, "import os\nseed = os.urandom(4)\n")
    subject = parse_subject("train.py", cwd=tmp_path)
    places = [Location("train.py", 2), Location("train.py", 9), Location("torch/nn.py", 2), None]
    assert [read_line(subject, place) for place in places] == [
        "seed = os.urandom(4)\n",
        "",
        "",
        "",
    ]


def test_edits_that_get_in_each_others_way_make_no_patch(tmp_path: Path) -> None:
    write(tmp_path, "import time\n\ng.manual_seed(list(set(x)))\n")
    patch = make(tmp_path, [Repair(("clock.fixed", "hash.seed"), Location("train.py", 3))])
    assert patch == Patch(left=("clock.fixed", "hash.seed"))


def test_tabs_stay(tmp_path: Path) -> None:
    text = "import random\nimport torch\ndef main():\n\ttorch.manual_seed(1)\n\tf()\nmain()\n"
    write(tmp_path, text)
    (file,) = make(tmp_path, [Repair(("seed.python",))], beside_seeds=True).files
    assert file.after == text.replace("(1)\n", "(1)\n\trandom.seed(0)\n")


@pytest.mark.parametrize(
    ("text", "below", "after"),
    [
        pytest.param(
            "rows = frame.sample(frac=1.0)",
            LibraryCall("pandas.core.generic.NDFrame.sample", "sample", "random_state"),
            "rows = frame.sample(frac=1.0, random_state=0)",
            id="the call on the line",
        ),
        pytest.param(
            "rows = frame.sample(\n    n=4,\n)",
            LibraryCall("polars.DataFrame.sample", "sample", "seed"),
            "rows = frame.sample(\n    n=4, seed=0,\n)",
            id="a call over several lines, with a comma at its end",
        ),
        pytest.param(
            "rows = frame.sample(\n    4,  # (a few)\n)",
            LibraryCall("polars.DataFrame.sample", "sample", "seed"),
            "rows = frame.sample(\n    4, seed=0,  # (a few)\n)",
            id="a comment behind the last argument",
        ),
        pytest.param(
            "rows = frame.sample((few))",
            LibraryCall("polars.DataFrame.sample", "sample", "seed"),
            "rows = frame.sample((few), seed=0)",
            id="an argument in brackets of its own",
        ),
        pytest.param(
            "one = two.fit(KMeans(2))\nold = KMeans(3, random_state=7)",
            LibraryCall("sklearn.cluster.KMeans.fit", "KMeans", "random_state"),
            "one = two.fit(KMeans(2, random_state=0))\nold = KMeans(3, random_state=7)",
            id="a seed that is given is left",
        ),
        pytest.param(
            "action = space.sample()\nspace = Box()",
            LibraryCall("gymnasium.spaces.box.Box.sample", "Box", "seed"),
            "action = space.sample()\nspace = Box(seed=0)",
            id="where the object is made",
        ),
        pytest.param(
            "rng = make(seed=seed or None)",
            LibraryCall("library.make", "make", "seed"),
            "rng = make(seed=0)",
            id="a seed of zero that counts as none",
        ),
        pytest.param(
            "study = optuna.create_study(direction='minimize')",
            LibraryCall("optuna.study.study.create_study", "TPESampler", "seed"),
            "study = optuna.create_study(direction='minimize', "
            "sampler=optuna.samplers.TPESampler(seed=0))",
            id="what the library is known to take",
        ),
    ],
)
def test_a_library_that_asks_for_entropy_is_given_its_seed(
    tmp_path: Path, text: str, below: LibraryCall, after: str
) -> None:
    write(tmp_path, f"{text}\n")
    repair = Repair(("entropy.fixed",), Location("train.py", 1), below)
    (file,) = make(tmp_path, [repair]).files
    assert file.after == f"{after}\n"


def test_a_library_that_no_argument_seeds_gets_lines_at_the_start(tmp_path: Path) -> None:
    write(tmp_path, "import numba\n\nx = walk(3)\n")
    below = LibraryCall("numba.core.registry.CPUDispatcher")
    patch = make(tmp_path, [Repair(("entropy.fixed",), Location("train.py", 3), below)])
    assert patch.left == ()
    (file,) = patch.files
    assert file.after == (
        "import numba\nfrom numpy import random as numpy_random\n@numba.njit\n"
        "def seed_numba(seed):\n    numpy_random.seed(seed)\nseed_numba(0)\n\nx = walk(3)\n"
    )


def test_a_library_that_takes_no_seed_is_left_to_the_user(tmp_path: Path) -> None:
    write(tmp_path, "import secrets\nx = library.draw(secrets.token_hex())\n")
    below = LibraryCall("library.draw")
    patch = make(tmp_path, [Repair(("entropy.fixed",), Location("train.py", 2), below)])
    assert (patch.files, patch.left) == ((), ("entropy.fixed",))


def test_a_seed_of_zero_that_counts_as_false_is_given_all_the_same(tmp_path: Path) -> None:
    text = "import torch\n\ndef prepare(seed):\n    if seed:\n        torch.manual_seed(seed)\n"
    write(tmp_path, text)
    patch = make(tmp_path, [Repair(("seed.torch",))], beside_seeds=True)
    assert patch.files[0].after == text.replace("if seed:", "if seed is not None:")
    # Where that is not enough, the program is given a seed of its own.
    patch = make(tmp_path, [Repair(("seed.torch",))], beside_seeds=False)
    assert "torch.manual_seed(0)" in patch.files[0].after


def test_an_if_that_is_about_something_else_is_no_place_for_a_seed(tmp_path: Path) -> None:
    write(tmp_path, "import torch\n\nif fast:\n    torch.manual_seed(seed)\n")
    patch = make(tmp_path, [Repair(("seed.numpy",))], beside_seeds=True)
    assert "is not None" not in patch.files[0].after
