"""Whether Python's random module gives the same draws in each run, and only where it would not by
itself."""

from __future__ import annotations

from pathlib import Path

from tests.record.repairs.running import alike, is_repaired, is_untouched, run

SEEDLESS = """
import random
print(random.random())
print(random.Random().random())
random.seed(1); random.seed()
print(random.random())
random.seed(1); random.seed(None)
print(random.random())
generator = random.Random(1); generator.seed()
print(generator.gauss(0, 1))
"""
FORK = """
import os, random
random.seed(1)
for _ in range(2):
    child = os.fork()
    if not child:
        print(random.random(), random.Random().random(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_draws_without_a_seed_are_the_same_in_each_run(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, SEEDLESS, "seed.python")


def test_draws_with_a_seed_stay_what_they_are(tmp_path: Path) -> None:
    source = """
    import random
    for seed in (3, "three", b"three", 3.5):
        random.seed(seed)
        print(random.random(), random.Random(seed).sample(range(100), 5))
    random.seed("three", version=1)
    print(random.random())
    """
    assert is_untouched(tmp_path, source, "seed.python")


def test_two_generators_without_a_seed_are_two_streams(tmp_path: Path) -> None:
    drawn = run(tmp_path, SEEDLESS, "seed.python").split()
    assert len(set(drawn)) == len(drawn)


def test_forked_children_draw_the_same_in_each_run_and_not_all_alike(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, FORK, "seed.python")
    assert len(set(run(tmp_path, FORK, "seed.python").split())) == 4


def test_what_must_never_repeat_is_left_alone(tmp_path: Path) -> None:
    source = (
        "import random, tempfile; print(random.SystemRandom().random()); print(tempfile.mktemp())"
    )
    assert alike(tmp_path, source, "seed.python") == {False}
