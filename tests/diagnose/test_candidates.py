"""Which interventions the evidence names for a finding, and in which order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.comparison.entropy import EntropyCall, Strength, strength_of
from reproaudit.comparison.localise import Origin, Source
from reproaudit.diagnose.candidates import (
    find_candidates,
    find_for_call,
    find_for_drawn_streams,
    infer_cause,
    list_combinable,
    may_be_compiled,
    rank_unions,
)
from reproaudit.diagnose.sources import Explanation
from reproaudit.model.cause import Cause
from reproaudit.model.events import (
    EventFlag,
    EventKind,
    LibraryCall,
    NotChecked,
    Phase,
    Unchecked,
)
from reproaudit.model.result import Evidence, Finding
from reproaudit.trace.runs import MAIN_PROCESS, Run
from reproaudit.trace.words import HASH_SEED, SEEDINGS
from tests.comparison.traces import Row, make_run

ROWS = (Row("aten::uniform_", flags=EventFlag.RANDOM), Row("aten::mm"))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Run, Run]:
    return make_run(tmp_path, 0, ROWS), make_run(tmp_path, 1, ROWS)


def call(name: str, process: str = MAIN_PROCESS) -> EntropyCall:
    return EntropyCall(name, process, 0, 0, strength_of(name), "", "", False)


def explained(
    cause: Cause, origin: Origin, by: EntropyCall | None = None, **shown: bool
) -> Explanation:
    finding = Finding("", cause, "", Phase.FORWARD, 0, evidence=Evidence(**shown))
    return Explanation(finding, Source(origin, MAIN_PROCESS, 0, 0, 0.0), by)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("random.shuffle", "seed.python"),
        ("random.SystemRandom.random", "entropy.fixed"),
        ("numpy.random.permutation", "seed.numpy"),
        ("numpy.random.default_rng", "seed.numpy_generators"),
        ("os.listdir", "files.sorted"),
        ("datetime.datetime.now", "clock.fixed"),
        ("queue.Queue.get", "threads.serial"),
        ("multiprocessing.Pool.imap_unordered", "order.arrival"),
        ("torch.utils.data.DataLoader(in_order=False)", "order.arrival"),
        ("sqlite3.random()", "sqlite.random"),
        ("uuid.uuid4", "entropy.fixed"),
        ("polars.DataFrame.group_by", "polars.fixed"),
    ],
)
def test_a_call_names_what_makes_it_give_the_same(
    pair: tuple[Run, Run], name: str, first: str
) -> None:
    assert find_for_call(call(name))[0] == first
    assert (
        find_candidates(explained(Cause.UNKNOWN, Origin.BIRTH, call(name)), pair, cuda=False)[0]
        == first
    )


def test_where_a_pool_names_its_folder_what_its_workers_draw_is_suspected_first(
    pair: tuple[Run, Run],
) -> None:
    below = LibraryCall("joblib.parallel.Parallel.__init__")
    named = replace(call("uuid.uuid4"), below=below)
    found = find_candidates(explained(Cause.UNSEEDED_RNG, Origin.BIRTH, named), pair, cuda=False)
    assert found[:2] == ("workers.seed", "entropy.fixed")


def test_what_a_worker_draws_is_repaired_at_its_seed_first() -> None:
    assert find_for_call(call("numpy.random.randn", "child-1"))[:2] == (
        "workers.seed",
        "seed.numpy",
    )
    assert find_for_call(call("numpy.random.randn"))[0] == "seed.numpy"


def test_a_kernel_that_the_flag_does_not_repair_is_computed_with_one_thread_first(
    pair: tuple[Run, Run],
) -> None:
    usual = find_candidates(explained(Cause.KERNEL, Origin.OP), pair, cuda=False)
    refused = find_candidates(explained(Cause.KERNEL, Origin.OP, switched=False), pair, cuda=False)
    assert usual[:2] == ("kernels.deterministic", "threads.one")
    assert refused[:2] == ("threads.one", "kernels.deterministic")


def test_where_no_repetition_of_an_op_differed_what_surrounds_the_program_is_tried_before_kernels(
    tmp_path: Path,
) -> None:
    hashes = [Row(HASH_SEED, kind=EventKind.ENTROPY)]
    runs = make_run(tmp_path, 0, hashes), make_run(tmp_path, 1, hashes)
    stable = find_candidates(explained(Cause.KERNEL, Origin.OP, replayed=False), runs, cuda=False)
    differing = find_candidates(explained(Cause.KERNEL, Origin.OP, replayed=True), runs, cuda=False)
    assert stable[:2] == ("hash.seed", "kernels.deterministic")
    assert "hash.seed" not in differing


def test_a_generator_of_the_program_s_own_is_told_from_the_default_one(
    tmp_path: Path, pair: tuple[Run, Run]
) -> None:
    own = Row("aten::randperm", flags=EventFlag.RANDOM | EventFlag.OWN_GENERATOR)
    drawn = explained(Cause.UNSEEDED_RNG, Origin.RANDOM)
    other = make_run(tmp_path / "own", 0, [own]), make_run(tmp_path / "own", 1, [own])
    assert find_candidates(drawn, pair, cuda=False)[0] == "seed.torch"
    assert find_candidates(drawn, other, cuda=False)[0] == "seed.torch_generators"


@pytest.mark.parametrize(
    ("op", "may_be_memory"),
    [
        ("aten::full.default", False),
        ("aten::fill_.Scalar", False),
        ("aten::fill_.Tensor", True),
        ("aten::mm", True),
    ],
)
def test_a_number_that_python_gives_to_an_op_is_no_undefined_memory(
    tmp_path: Path, op: str, may_be_memory: bool
) -> None:
    runs = make_run(tmp_path, 0, [Row(op, 1, 1)]), make_run(tmp_path, 1, [Row(op, 2, 2)])
    named = find_candidates(explained(Cause.UNKNOWN, Origin.INPUT), runs, cuda=False)
    assert ("memory.fill" in named) is may_be_memory


def test_a_seed_that_a_library_made_may_be_made_of_the_global_streams(tmp_path: Path) -> None:
    def states(offset: int) -> list[Row]:
        streams = ("python", "numpy")
        return [Row(stream, 1 + offset, kind=EventKind.RNG) for stream in streams]

    runs = make_run(tmp_path, 0, states(0)), make_run(tmp_path, 1, states(100))
    seeding = replace(call("numpy.random.default_rng"), shown_a="(3,)", shown_b="(4,)")
    by_library = replace(seeding, below=LibraryCall("datasets.Dataset.shuffle", "shuffle", "seed"))
    drawn = explained(Cause.UNSEEDED_RNG, Origin.BIRTH, by_library)
    assert find_candidates(drawn, runs, cuda=False)[0] == "seed.numpy"
    own = explained(Cause.UNSEEDED_RNG, Origin.BIRTH, seeding)
    assert find_candidates(own, runs, cuda=False)[0] != "seed.numpy"


def test_only_a_stream_that_differed_and_was_drawn_from_is_suspected(tmp_path: Path) -> None:
    def states(offset: int) -> list[Row]:
        drawn = {"numpy": (1, 2), "python": (5, 5), "torch.cpu": (7, 8)}
        return [
            Row(name, state + (0 if name == "torch.cpu" else offset), kind=EventKind.RNG)
            for number in range(2)
            for name, state in ((name, pair[number]) for name, pair in drawn.items())
        ]

    runs = make_run(tmp_path, 0, states(0)), make_run(tmp_path, 1, states(100))
    assert find_for_drawn_streams(*runs) == ("seed.numpy",)


def test_unions_grow_from_the_first_of_each_list_to_all_of_them() -> None:
    assert list(rank_unions([["hash.seed", "addresses.fixed"]])) == [
        ("hash.seed",),
        ("addresses.fixed",),
    ]
    assert list(rank_unions([["a", "b", "c"], ["d"], ["a", "e"]])) == [
        ("a", "d"),
        ("a", "b", "d", "e"),
        ("a", "b", "c", "d", "e"),
    ]


def test_what_changes_most_of_a_program_is_not_among_everything() -> None:
    whole = list_combinable(cuda=False, compiles=False, ranks=False)
    left_out = {"compile.off", "workers.none", "files.fresh", "tf32.off", "ddp.buckets"}
    assert left_out.isdisjoint(whole)
    assert "compile.off" in list_combinable(cuda=False, compiles=True, ranks=False)


def test_a_repair_speaks_for_a_cause_only_if_its_parts_agree() -> None:
    assert infer_cause(["hash.seed"]) is Cause.HASH_ORDER
    assert infer_cause(["seed.numpy", "seed.python"]) is Cause.UNSEEDED_RNG
    assert infer_cause(["hash.seed", "seed.numpy"]) is None


def test_clocks_are_weak_evidence_and_draws_are_not() -> None:
    assert strength_of("time.time") is Strength.CLOCK
    assert strength_of("random.random") is Strength.SPECIFIC


def test_new_content_may_be_undefined_memory_and_another_order_one_of_addresses(
    pair: tuple[Run, Run],
) -> None:
    born = find_candidates(explained(Cause.UNKNOWN, Origin.BIRTH), pair, cuda=False)
    ordered = find_candidates(explained(Cause.UNKNOWN, Origin.INPUT), pair, cuda=False)
    suspects = ("memory.fill", "addresses.fixed")
    assert tuple(name for name in born if name in suspects) == suspects
    assert tuple(name for name in ordered if name in suspects) == suspects[::-1]


@pytest.mark.parametrize("name", SEEDINGS)
def test_a_seed_that_the_program_gives_is_looked_into_before_generators_are_seeded(
    name: str,
) -> None:
    given = replace(call(name), shown_a="(17,)", shown_b="(18,)")
    named = find_for_call(given)
    others = [name for name in named if not name.startswith("seed.")]
    assert named[: len(others)] == tuple(others)
    assert {"clock.fixed", "entropy.fixed", "hash.seed", "addresses.fixed"} == set(others)


def test_a_generator_that_was_given_no_seed_is_seeded_first() -> None:
    bare = replace(call("random.Random"), shown_a="no seed", shown_b="no seed")
    assert find_for_call(bare)[0] == "seed.python"


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("time.time", ("clock.fixed", "hash.seed", "addresses.fixed")),
        ("queue.Queue.get", ("hash.seed", "addresses.fixed", "entropy.fixed")),
    ],
)
def test_a_seed_is_hardly_made_of_what_the_program_never_asks_for(
    tmp_path: Path, asked: str, first: tuple[str, ...]
) -> None:
    rows = [*ROWS, Row(asked, kind=EventKind.ENTROPY)]
    runs = make_run(tmp_path, 2, rows), make_run(tmp_path, 3, rows)
    given = replace(call("torch.Generator.manual_seed"), shown_a="(17,)", shown_b="(18,)")
    found = explained(Cause.UNSEEDED_RNG, Origin.RANDOM, given)
    assert find_candidates(found, runs, cuda=False)[:3] == first


def test_what_comes_out_of_a_compiled_region_is_suspected_of_its_kernels_first(
    tmp_path: Path,
) -> None:
    rows = [Row("aten::sub.Tensor", 1, 1)]
    runs = make_run(tmp_path, 0, rows), make_run(tmp_path, 1, rows)
    unknown = explained(Cause.UNKNOWN, Origin.INPUT)
    assert not may_be_compiled(unknown, runs[0])
    note = NotChecked(Unchecked.COMPILED_REGIONS, "operators", "compiled")
    compiled = replace(runs[0], traces=((MAIN_PROCESS, replace(runs[0].main, notes=(note,))),))
    assert may_be_compiled(unknown, compiled)
    assert not may_be_compiled(explained(Cause.UNKNOWN, Origin.BIRTH), compiled)
    found = find_candidates(unknown, (compiled, runs[1]), cuda=False)
    assert found[:3] == ("kernels.deterministic", "compile.off", "threads.one")


def test_where_threads_ran_they_are_suspected_before_addresses(tmp_path: Path) -> None:
    rows = [Row("aten::stack", 1, 1), Row("aten::sin", 1, 1, thread=1)]
    runs = make_run(tmp_path, 0, rows), make_run(tmp_path, 1, rows)
    found = find_candidates(explained(Cause.UNKNOWN, Origin.INPUT), runs, cuda=False)
    assert found.index("threads.serial") < found.index("addresses.fixed")


@pytest.mark.parametrize(("thread", "first"), [(0, "clock.fixed"), (1, "threads.serial")])
def test_threads_are_put_in_order_first_only_where_there_are_several(
    tmp_path: Path, thread: int, first: str
) -> None:
    rows = [*ROWS, Row("aten::mm", thread=thread)]
    pair = make_run(tmp_path, 0, rows), make_run(tmp_path, 1, rows)
    drawn = explained(Cause.RNG_ORDER, Origin.STRUCTURE, call("time.perf_counter"))
    found = find_candidates(drawn, pair, cuda=False)
    assert found[0] == first
    # Later it is tried all the same: a thread may draw where nobody sees it.
    assert {"clock.fixed", "threads.serial", "hash.seed"} <= set(found)
