"""Whether threads and tasks run one after another, keep what is theirs, and never wait for each
other without end."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import pytest

from reproaudit.record.hooks.callsite import FrameKinds
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.repairs import Reach, serial_threads
from tests.record.repairs.running import is_reproducible, is_untouched, run

TASKS = 4
# Threads draw from one stream after a while that nobody knows: any of them may be the first, on any
# machine.
RACING = """
import os, threading, time
from concurrent.futures import ThreadPoolExecutor
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
from plain_sgd import SGD
optimizer = SGD(model.parameters(), lr=0.1)
def augment(number):
    time.sleep(os.urandom(1)[0] / 10_000)
    return torch.rand(3, 4) + number
for step in range(2):
    batches = []
    threads = [threading.Thread(target=lambda n=n: batches.append(augment(n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ThreadPoolExecutor(8) as pool:
        batches += pool.map(augment, range(8))
    for batch in batches:
        optimizer.zero_grad()
        model(batch).sum().backward()
        optimizer.step()
"""
PLAIN = """
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
local = threading.local()
def begin(value):
    local.value = value
def task(number):
    return local.value + number
def fail(number):
    raise ValueError(number)
with ThreadPoolExecutor(1, initializer=begin, initargs=(10,)) as pool:
    print(list(pool.map(task, range(5))), repr(pool.submit(fail, 3).exception()))
    print(pool.submit(task, number=4).result())
try:
    pool.submit(task, 1)
except RuntimeError as error:
    print(error)
with ThreadPool(1, begin, (20,)) as pool:
    print(pool.map(task, range(9)), pool.starmap(pow, [(2, 3), (3, 2)]),
          list(pool.imap(task, iter(range(5)), 2)))
    print(list(pool.imap(task, [])), pool.apply(task, (1,)), pool.map_async(task, [2]).get())
    result = pool.apply_async(fail, (4,))
    result.wait()
    print(result.successful())
    def failing():
        yield 1
        raise KeyError(5)
    iterator = pool.imap(task, failing())
    print(next(iterator))
    try:
        next(iterator)
    except KeyError as error:
        print(repr(error))
class Own(threading.Thread):
    def run(self):
        print(self.name, self.daemon)
for thread in (Own(name="own", daemon=True), threading.Timer(0, print, ("timer",))):
    thread.start()
    thread.join()
try:
    thread.start()
except RuntimeError as error:
    print(error)
"""


@pytest.fixture
def vain(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection[object]]:
    """Run the test as a program under the repair; lists the lines at which waiting was in vain."""
    monkeypatch.setattr(serial_threads, "PATIENCE_S", 0.05)
    made: list[serial_threads.Turns] = []

    class Turns(serial_threads.Turns):
        def __init__(self, reach: Reach) -> None:
            super().__init__(reach)
            made.append(self)

    monkeypatch.setattr(serial_threads, "Turns", Turns)
    patches = Patches()
    forks: list[Callable[[int], None]] = []
    serial_threads.install(
        Reach(patches, FrameKinds().is_program, lambda name, action: None, forks.append)
    )
    yield made[0].in_vain
    patches.undo()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch, vain: Collection[object]) -> Collection[object]:
    """The same for programs whose threads all end by themselves, however busy the machine is."""
    monkeypatch.setattr(serial_threads, "PATIENCE_S", 20.0)
    return vain


class Crowd:
    """Counts how many calls of `enter` run at the same time, at most."""

    def __init__(self) -> None:
        self.most = self._now = 0
        self.threads: list[int] = []
        self._other = threading.Event()

    def enter(self, number: Any = None) -> Any:
        self._now += 1
        self.most = max(self.most, self._now)
        self._other.wait(0.005)
        self.threads.append(threading.get_ident())
        self._now -= 1
        return number


def test_a_started_thread_has_ended_when_its_starter_goes_on(patient: Collection[object]) -> None:
    crowd = Crowd()
    threads = [threading.Thread(target=crowd.enter) for _ in range(TASKS)]
    for thread in threads:
        thread.start()
        assert not thread.is_alive()
    assert crowd.most == 1


def test_tasks_of_an_executor_run_one_after_another_in_one_thread_of_its_own(
    patient: Collection[object],
) -> None:
    crowd = Crowd()
    with ThreadPoolExecutor(TASKS) as pool:
        futures = [pool.submit(crowd.enter, number) for number in range(TASKS)]
        assert all(future.done() for future in futures)
        assert list(pool.map(crowd.enter, range(TASKS))) == list(range(TASKS))
    assert crowd.most == 1
    assert len(set(crowd.threads)) == 1
    assert threading.get_ident() not in crowd.threads


def test_tasks_of_a_thread_pool_run_one_after_another(patient: Collection[object]) -> None:
    crowd = Crowd()
    with ThreadPool(TASKS) as pool:
        ways = pool.imap, pool.imap_unordered, pool.map
        found = [list(way(crowd.enter, range(TASKS))) for way in ways]  # type: ignore[operator]
        results = [pool.apply_async(crowd.enter, (number,)) for number in range(TASKS)]
        assert len(crowd.threads) == 4 * TASKS
        assert (
            [result.get() for result in results]
            == found[0]
            == found[1]
            == found[2]
            == list(range(TASKS))
        )
    assert crowd.most == 1


def test_a_thread_that_waits_for_its_starter_is_waited_for_once(vain: Collection[object]) -> None:
    told = threading.Event()
    threads = [threading.Thread(target=told.wait) for _ in range(TASKS)]
    for thread in threads:
        thread.start()
    assert len(vain) == 1
    told.set()
    for thread in threads:
        thread.join()


def test_tasks_that_need_each_other_meet(vain: Collection[object]) -> None:
    barrier = threading.Barrier(TASKS)
    with ThreadPoolExecutor(TASKS) as pool:
        futures = [pool.submit(barrier.wait) for _ in range(TASKS)]
        assert sorted(future.result(20) for future in futures) == list(range(TASKS))
    assert len(vain) == 1


def test_a_task_may_submit_another(vain: Collection[object]) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert pool.submit(lambda: pool.submit(abs, -1).result(20)).result(20) == 1
    with ThreadPoolExecutor(1) as pool:  # the inner task waits for the only thread there is
        assert pool.submit(lambda: pool.submit(abs, -1)).result(20).result(20) == 1
    with ThreadPool(1) as threads:
        assert threads.apply_async(lambda: threads.apply_async(abs, (-1,))).get(20).get(20) == 1


def test_an_executor_whose_initializer_fails_is_broken_as_ever(patient: Collection[object]) -> None:
    def begin() -> None:
        raise ValueError("no")

    with ThreadPoolExecutor(2, initializer=begin) as pool:
        assert "initializer failed" in str(pool.submit(abs, -1).exception(20))


def test_threads_of_libraries_are_not_waited_for(vain: Collection[object]) -> None:
    ThreadPool(2).terminate()  # it starts three threads that serve it
    assert not vain


def test_a_process_that_waits_for_its_starter_is_waited_for_once(vain: Collection[object]) -> None:
    context = multiprocessing.get_context("fork")
    tasks = context.Queue()
    children = [context.Process(target=tasks.get, kwargs={"timeout": 60}) for _ in range(3)]
    for child in children:
        child.start()
    assert len(vain) == 1
    for _ in children:
        tasks.put(1)
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    tasks.close()
    tasks.join_thread()


@pytest.mark.slow
def test_what_runs_one_after_another_anyway_stays_as_it_is(tmp_path: Path) -> None:
    assert is_untouched(tmp_path, PLAIN, "threads.serial")


@pytest.mark.slow
def test_an_audit_of_threads_that_share_a_random_stream_is_reproducible(tmp_path: Path) -> None:
    assert not is_reproducible(tmp_path, RACING)
    assert is_reproducible(tmp_path, RACING, "threads.serial")


PROCESSES = """
import multiprocessing

def work(number, results):
    for _ in range((7 - number) * 200_000):
        pass
    results.put(number)

context = multiprocessing.get_context("fork")
results = context.Queue()
children = [context.Process(target=work, args=(number, results)) for number in range(4)]
for child in children:
    child.start()
print([results.get(timeout=30) for _ in children])
"""


@pytest.mark.slow
def test_processes_that_the_program_starts_give_their_results_in_the_order_of_their_starts(
    tmp_path: Path,
) -> None:
    assert run(tmp_path, PROCESSES, "threads.serial") == "[0, 1, 2, 3]\n"
