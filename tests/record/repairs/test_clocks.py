"""Whether the program's own looks at a clock are the same in each run, and nobody else's look is
touched."""

from __future__ import annotations

from pathlib import Path

from tests.record.repairs.running import alike, is_repaired, is_untouched, run

LOOKS = """
import datetime, time
from datetime import datetime as moment
from time import perf_counter
print(time.time())
print(time.time_ns())
print(perf_counter())
print(time.perf_counter_ns())
print(time.monotonic())
print(time.monotonic_ns())
print(time.process_time())
print(time.process_time_ns())
print(time.thread_time())
print(time.thread_time_ns())
print(datetime.datetime.now())
print(moment.now(datetime.timezone.utc))
print(moment.today())
print(moment.utcnow())
print(next(map(lambda cls: cls.now(), [moment])))
print(min(time.time() for _ in range(3)))
"""
SECONDS = """
import datetime, time
print(time.localtime())
print(time.gmtime())
print(time.ctime())
print(time.asctime())
print(time.strftime("%c"))
print(datetime.date.today())
"""
GIVEN = """
import copy, datetime, pickle, time
moment = datetime.datetime(2020, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)
for value in (moment, moment.date(), datetime.datetime.min, datetime.date.max):
    print(repr(value), type(value), type(value) in (datetime.datetime, datetime.date))
    print(copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value, pickle.dumps(value))
print(moment + datetime.timedelta(1), moment - moment, moment.replace(year=2024),
      moment.isoformat())
print(datetime.datetime.strptime("2020-01-02", "%Y-%m-%d"),
      datetime.datetime.fromisoformat("2020-01-02"))
print(datetime.datetime.fromtimestamp(0, datetime.timezone.utc), datetime.date.fromtimestamp(0))
print(isinstance(moment, datetime.date), issubclass(datetime.datetime, datetime.date))
print(datetime.datetime.__name__, datetime.datetime.__qualname__, datetime.datetime.__module__,
      datetime.datetime)
print(time.gmtime(0), time.localtime(0), time.ctime(0), time.asctime(time.gmtime(0)))
print(time.strftime("%Y", time.gmtime(0)))
now = pickle.loads(pickle.dumps(datetime.datetime.now))()
print(type(now) is datetime.datetime, type(datetime.date.today()) is datetime.date,
      isinstance(now, datetime.date))
print(time.time.__name__, pickle.dumps(time.time))
class Own(datetime.datetime):
    pass
print(type(Own.now()), type(Own.today()), type(Own.utcnow()),
      type(Own.now(datetime.timezone.utc).tzinfo))
"""


def test_what_the_program_reads_is_the_same_in_each_run(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, LOOKS, "clock.fixed")


def test_what_shows_only_seconds_is_fixed_as_well(tmp_path: Path) -> None:
    assert alike(tmp_path, SECONDS, "clock.fixed") == {True}
    assert "2025" in run(tmp_path, SECONDS, "clock.fixed").splitlines()[2]


def test_times_that_the_program_gives_stay_what_they_are(tmp_path: Path) -> None:
    assert is_untouched(tmp_path, GIVEN, "clock.fixed")


def test_a_library_keeps_the_real_clock(tmp_path: Path) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "library.py").write_text(
        "import datetime, time\n"
        "def look(): print(time.time())\n"
        "def show(): print(datetime.datetime.now())\n"
        "def format():\n"
        "    print(time.strftime('%Y'), time.gmtime().tm_year, datetime.date.today().year)\n"
    )
    start = f"import sys; sys.path.append({str(folder)!r}); import library\n"
    assert alike(tmp_path, start + "library.look(); library.show()", "clock.fixed") == {False}
    assert is_untouched(tmp_path, start + "library.format()", "clock.fixed")


def test_a_loop_until_a_deadline_ends_and_a_nap_counts(tmp_path: Path) -> None:
    source = """
    import time
    looks, deadline = 0, time.monotonic() + 0.1
    while time.monotonic() < deadline:
        looks += 1
    start = time.time()
    time.sleep(0.01)
    print(looks, round(time.time() - start, 6))
    """
    assert run(tmp_path, source, "clock.fixed") == "99 0.011\n"


def test_a_thread_that_looks_does_not_move_the_clock_of_another(tmp_path: Path) -> None:
    source = """
    import threading, time
    done = threading.Event()
    def look():
        for _ in range(1000):
            time.time()
        done.set()
    threading.Thread(target=look).start()
    done.wait()
    print(time.time())
    """
    first = run(tmp_path, "import time; print(time.time())", "clock.fixed")
    assert run(tmp_path, source, "clock.fixed") == first


def test_a_forked_child_reads_the_same_in_each_run(tmp_path: Path) -> None:
    source = """
    import os, time
    time.time()
    child = os.fork()
    if not child:
        print(time.time_ns(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    """
    assert is_repaired(tmp_path, source, "clock.fixed")
