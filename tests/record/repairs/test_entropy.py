"""Whether entropy of the operating system and process ids are the same in each run, and still do
their work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import alike, is_repaired, is_untouched, run

DRAWS = """
import os, random, secrets, uuid
from os import urandom
print(os.urandom(8))
print(urandom(8))
print(os.getrandom(8))
print(uuid.uuid4())
print(uuid.uuid1())
print(uuid.uuid1(node=1, clock_seq=2))
print(secrets.token_hex(), secrets.token_bytes(4), secrets.randbelow(10**9))
print(random.SystemRandom().random(), random.SystemRandom().getrandbits(64))
print(os.getpid())
"""
FORK = """
import os, uuid
parent = os.getpid()
for _ in range(2):
    child = os.fork()
    if not child:
        print(os.urandom(4).hex(), uuid.uuid4(), os.getpid(), flush=True)
        os._exit(os.getppid() != parent)
    assert os.waitpid(child, 0)[1] == 0
"""
SPAWN = """
import multiprocessing, os
def work(parent):
    print(os.urandom(4).hex(), os.getpid(), os.getppid() == parent, flush=True)
if __name__ == "__main__":
    for _ in range(2):
        child = multiprocessing.get_context("spawn").Process(target=work, args=(os.getpid(),))
        child.start()
        child.join()
"""
LEFT_ALONE = """
import multiprocessing.shared_memory, random, tempfile
print(random.Random().random())
print(tempfile.mktemp())
memory = multiprocessing.shared_memory.SharedMemory(create=True, size=8)
print(memory.name)
memory.close()
memory.unlink()
"""
# As a worker's thread does that hands tensors to other processes, whenever one of them asks.
ANSWERED = """
import os, sys, threading
from multiprocessing.connection import Client, Listener
if "asked" in sys.argv:
    listener = Listener(authkey=b"key")
    client = threading.Thread(target=Client, args=(listener.address,), kwargs={"authkey": b"key"})
    client.start()
    listener.accept().close()
    client.join()
    listener.close()
print(os.urandom(8))
"""


def test_what_the_operating_system_gives_is_the_same_in_each_run(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, DRAWS, "entropy.fixed")


def test_no_two_draws_are_alike(tmp_path: Path) -> None:
    drawn = run(tmp_path, DRAWS, "entropy.fixed").split()
    assert len(set(drawn)) == len(drawn)


def test_forked_children_draw_the_same_in_each_run_and_not_all_alike(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, FORK, "entropy.fixed")
    assert len(set(run(tmp_path, FORK, "entropy.fixed").split())) == 6


def test_names_that_must_not_meet_leftovers_of_earlier_runs_stay_random(tmp_path: Path) -> None:
    assert alike(tmp_path, LEFT_ALONE, "entropy.fixed") == {False}


def test_who_answers_other_processes_does_not_shift_what_the_program_draws(tmp_path: Path) -> None:
    asked = run(tmp_path, ANSWERED.replace("sys.argv", "['asked']"), "entropy.fixed")
    assert asked == run(tmp_path, ANSWERED, "entropy.fixed")


def test_a_seeded_program_is_not_touched(tmp_path: Path) -> None:
    source = """
    import random, uuid
    random.seed(1)
    print(random.random(), random.Random(2).random(), uuid.uuid5(uuid.NAMESPACE_DNS, "name"))
    """
    assert is_untouched(tmp_path, source, "entropy.fixed")


def test_values_have_the_form_of_real_ones(tmp_path: Path) -> None:
    source = """
    import os, uuid
    print([len(os.urandom(size)) for size in (0, 1, 1000)])
    print(uuid.uuid4().version, uuid.uuid1().version, uuid.uuid1().variant == uuid.RFC_4122,
          uuid.uuid1(node=5).node)
    for wrong in (-1, "8"):
        try:
            os.urandom(wrong)
        except Exception as error:
            print(type(error))
    """
    assert is_untouched(tmp_path, source, "entropy.fixed")


def test_a_signal_to_the_programs_own_process_arrives(tmp_path: Path) -> None:
    source = """
    import os, signal
    signal.signal(signal.SIGUSR1, lambda number, frame: print("arrived"))
    os.kill(os.getpid(), signal.SIGUSR1)
    print(os.getpgid(os.getpid()) == os.getpgid(0))
    """
    assert run(tmp_path, source, "entropy.fixed") == "arrived\nTrue\n"


def test_no_process_can_have_the_number_that_the_program_is_told(tmp_path: Path) -> None:
    told = int(run(tmp_path, "import os; print(os.getpid())", "entropy.fixed"))
    assert told > int(Path("/proc/sys/kernel/pid_max").read_text())


def test_psutil_finds_the_programs_own_process(tmp_path: Path) -> None:
    (tmp_path / "psutil.py").write_text(
        "class Process:\n    def __init__(self, pid=None):\n        self.pid = pid\n"
    )
    source = """
    import os, psutil, posix
    print(psutil.Process(os.getpid()).pid == posix.getpid(), psutil.Process().pid,
          psutil.Process(1).pid)
    """
    assert run(tmp_path, source, "entropy.fixed") == "True None 1\n"


@pytest.mark.slow
def test_spawned_children_draw_the_same_in_each_run_and_not_all_alike(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, SPAWN, "entropy.fixed")
    drawn = run(tmp_path, SPAWN, "entropy.fixed").split()
    assert drawn.count("True") == 2
    assert len(set(drawn)) == 5
