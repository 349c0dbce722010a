"""What a patch seeds a generator with, in the main program, in workers and in threads."""

from __future__ import annotations

import pytest

from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.patches.line_edits import edit_everywhere, edit_line
from reproaudit.patches.program_text import ProgramText
from reproaudit.patches.seed_scope import Scope, find_scope_of_line, has_only_loaders

BARE = INTERVENTIONS["seed.numpy_generators"].edits


def patch(text: str, scope: Scope = Scope.ONCE) -> str:
    """Return the program with the line that ends in "# here" patched."""
    program = ProgramText(text)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row.endswith("# here"))
    edits = edit_line(program, BARE, line, scope)
    return program.apply(edits).splitlines()[line - 1 + ("import torch" not in text)].strip()


START = """import torch
def start(worker_id):
    rng = np.random.default_rng()  # here
DataLoader(data, worker_init_fn={given})
"""


@pytest.mark.parametrize("given", ["start", "module.start", "functools.partial(start, 1)"])
def test_a_generator_that_each_worker_makes_follows_the_workers_seed(given: str) -> None:
    wanted = "rng = np.random.default_rng(torch.initial_seed() % 2**32)  # here"
    assert patch(START.format(given=given)) == wanted


def test_torch_is_called_as_the_file_knows_it_and_imported_where_it_does_not() -> None:
    text = START.format(given="start")
    assert "th.initial_seed()" in patch(text.replace("import torch", "import torch as th", 1))
    program = ProgramText(text.replace("import torch", "from torch.utils.data import DataLoader"))
    patched = program.apply(edit_line(program, BARE, 3))
    assert patched.startswith("import torch\nfrom torch.utils.data")


@pytest.mark.parametrize(
    "text",
    [
        "import torch\nclass D(Dataset):\n    def __getitem__(self, i):\n"
        "        return np.random.default_rng().normal()  # here\n",
        "import torch\ndef noise():\n    return np.random.default_rng().normal()  # here\n"
        "class D(Dataset):\n    def __getitem__(self, i):\n        return noise()\n",
    ],
    ids=["itself", "called"],
)
def test_what_is_made_for_each_sample_is_seeded_anew_for_each(text: str) -> None:
    made = "np.random.default_rng(torch.randint(2**32, ()).item()).normal()"
    assert patch(text) == f"return {made}  # here"


def test_an_iterable_dataset_begins_once_in_each_worker() -> None:
    text = (
        "import torch\nclass D(IterableDataset):\n    def __iter__(self):\n"
        "        rng = default_rng()  # here\n"
    )
    assert patch(text) == "rng = default_rng(torch.initial_seed() % 2**32)  # here"
    assert patch(text.replace("Iterable", "")) == "rng = default_rng(0)  # here"


def test_the_program_itself_gets_a_constant() -> None:
    assert patch("import torch\nrng = default_rng()  # here\n") == "rng = default_rng(0)  # here"


def test_each_of_several_ranks_has_a_generator_of_its_own_seed() -> None:
    program = ProgramText("import numpy as np\nrng = np.random.default_rng()\n")
    wanted = (
        'import os\nimport numpy as np\nrng = np.random.default_rng(int(os.environ.get("RANK", 0)))'
    )
    for edits in (
        edit_line(program, BARE, 2, Scope.RANK),
        edit_everywhere(program, BARE, Scope.RANK),
    ):
        assert program.apply(edits).rstrip() == wanted
    # What shares data out among ranks must be seeded alike on each.
    shared = ProgramText("sampler = Generator(time.time())\n")
    patched = shared.apply(edit_line(shared, INTERVENTIONS["clock.fixed"].edits, 1, Scope.RANK))
    assert patched == "sampler = Generator(0)\n"


def test_what_is_known_to_run_in_a_worker_is_no_constant() -> None:
    text = "import torch\ndef f():\n    return default_rng()  # here\n"
    assert "torch.randint" in patch(text, Scope.SAMPLE)


TASKS = """import torch
def job(rows):
    return default_rng()  # here
{}
"""


@pytest.mark.parametrize(
    "given",
    [
        "threading.Thread(target=job)",
        "pool.submit(job, rows)",
        "pool.map(job, rows)",
        "torch.multiprocessing.spawn(job)",
        "Pool(4, initializer=job)",
    ],
)
def test_jobs_that_nothing_tells_apart_are_left_to_the_user(given: str) -> None:
    program = ProgramText(TASKS.format(given))
    assert edit_line(program, BARE, 3) == []
    assert edit_everywhere(program, BARE) == []
    assert find_scope_of_line(program, 3) is Scope.TASK
    assert find_scope_of_line(program, 1) is Scope.ONCE


def test_other_seeds_in_a_worker_are_no_constants_either() -> None:
    text = START.format(given="start").replace("default_rng()", "seed()").replace("rng = ", "")
    program = ProgramText(text)
    for name in ("seed.numpy", "seed.torch_generators"):
        patched = program.apply(edit_line(program, INTERVENTIONS[name].edits, 3))
        assert "seed(torch.initial_seed() % 2**32)" in patched
    text = START.format(given="start").replace("default_rng()", "default_rng(os.getpid())")
    program = ProgramText(text)
    patched = program.apply(edit_line(program, INTERVENTIONS["entropy.fixed"].edits, 3))
    assert "default_rng(torch.initial_seed() % 2**32)" in patched


def test_a_program_of_loaders_alone_gives_no_jobs_to_threads_or_pools() -> None:
    loads = "DataLoader(data, worker_init_fn=start)\n"
    assert has_only_loaders(ProgramText(loads))
    assert has_only_loaders(ProgramText(loads + "list(map(str, data))\n"))
    assert not has_only_loaders(ProgramText(loads + "pool.map(f, data)\n"))
    assert not has_only_loaders(ProgramText("x = 1\n"))
