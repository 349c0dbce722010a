from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import SubjectError, UsageError
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.runs import process as process_module
from reproaudit.runs import stillness as stillness_module
from reproaudit.runs.interpreter import interpreter_flags
from reproaudit.runs.process import RunningProcess, RunRecord, run, start
from tests.processes import has_ended, needs_pidfd

# -S: the imitation needs no installed package, and starts faster without looking for them.
FAKE = ("-S", str(Path(__file__).with_name("fake_recorder.py")))

Runner = Callable[..., RunRecord]


@pytest.fixture
def make_plan(tmp_path: Path) -> Callable[..., RunPlan]:
    def make(*behaviour: str, settings: Settings | None = None) -> RunPlan:
        subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="train.py", argv=behaviour)
        return RunPlan(tmp_path / "runs" / "0", subject, settings=settings or Settings())

    return make


@pytest.fixture
def run_fake(tmp_path: Path, make_plan: Callable[..., RunPlan]) -> Runner:
    def run_it(*behaviour: str, settings: Settings | None = None, **options: Any) -> RunRecord:
        return run(
            make_plan(*behaviour, settings=settings), log=tmp_path / "0.log", entry=FAKE, **options
        )

    return run_it


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until a test moves it, for timeouts that do not depend on the
    machine's speed."""
    from time import sleep

    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, sleep=sleep)
    monkeypatch.setattr(process_module, "time", clock)
    return clock


def outcome_on_disk(record: RunRecord) -> Outcome:
    row = json.loads((record.trace_dir / "run.json").read_text(encoding="utf-8"))["outcome"]
    return Outcome(OutcomeKind(row["kind"]), row["code"], row["detail"])


def test_a_final_outcome_in_the_trace_is_the_runs_outcome(run_fake: Runner) -> None:
    record = run_fake("complete")
    assert record.outcome == Outcome(OutcomeKind.COMPLETED, 0)
    assert record.log.read_bytes() == b"step 1 done\n"
    assert record.seconds > 0


def test_an_exit_code_that_the_trace_does_not_know_becomes_the_outcome_and_is_written_there(
    run_fake: Runner,
) -> None:
    record = run_fake("exit", "3")
    assert record.outcome == Outcome(OutcomeKind.EXITED, 3)
    assert outcome_on_disk(record) == record.outcome


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_signal_that_ended_the_program_is_named(run_fake: Runner, number: signal.Signals) -> None:
    record = run_fake("signal", str(int(number)))
    assert record.outcome == Outcome(OutcomeKind.KILLED, int(number), number.name)
    assert outcome_on_disk(record) == record.outcome


def test_os_exit_with_zero_completes_the_run_and_is_told(run_fake: Runner) -> None:
    record = run_fake("os-exit")
    assert record.outcome == Outcome(OutcomeKind.COMPLETED, 0, "the program ended through os._exit")
    assert outcome_on_disk(record) == record.outcome


def test_a_program_that_closes_its_output_completes(run_fake: Runner) -> None:
    assert run_fake("close-stdout").outcome == Outcome(OutcomeKind.COMPLETED, 0)


@needs_pidfd
def test_a_timeout_ends_the_program_and_its_workers(
    run_fake: Runner, clock: SimpleNamespace
) -> None:
    record = run_fake("hang", timeout_s=60, on_progress=lambda steps: setattr(clock, "now", 60.0))
    assert record.outcome == Outcome(OutcomeKind.TIMED_OUT, None, "still running after 60 s")
    assert outcome_on_disk(record) == record.outcome
    assert has_ended(int(record.log.read_text()))


@needs_pidfd
def test_a_program_deaf_to_sigterm_is_killed(
    run_fake: Runner, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "GRACE_S", 0.0)
    record = run_fake(
        "hang", "deaf", timeout_s=60, on_progress=lambda steps: setattr(clock, "now", 60.0)
    )
    assert record.outcome.kind is OutcomeKind.TIMED_OUT
    assert has_ended(int(record.log.read_text()))


def test_what_a_program_records_after_its_timeout_does_not_hide_the_timeout(
    run_fake: Runner, clock: SimpleNamespace
) -> None:
    record = run_fake(
        "hang", "last-words", timeout_s=60, on_progress=lambda steps: setattr(clock, "now", 60.0)
    )
    assert record.outcome.kind is OutcomeKind.TIMED_OUT
    assert outcome_on_disk(record) == record.outcome


def test_a_program_that_hangs_after_its_trace_is_complete_keeps_its_outcome(
    run_fake: Runner, clock: SimpleNamespace
) -> None:
    record = run_fake(
        "hang", "finished", timeout_s=60, on_progress=lambda steps: setattr(clock, "now", 60.0)
    )
    detail = "stopped after 10 steps; then it hung and was ended"
    assert record.outcome == Outcome(OutcomeKind.STOPPED, 0, detail)


def test_a_program_that_is_ended_while_it_writes_its_end_has_timed_out(
    run_fake: Runner, clock: SimpleNamespace
) -> None:
    record = run_fake(
        "hang", "writing", timeout_s=60, on_progress=lambda steps: setattr(clock, "now", 60.0)
    )
    assert record.outcome == Outcome(OutcomeKind.TIMED_OUT, detail="still running after 60 s")
    assert outcome_on_disk(record) == record.outcome


@needs_pidfd
def test_workers_left_behind_by_a_finished_program_are_ended(run_fake: Runner) -> None:
    record = run_fake("leave-worker")
    assert record.outcome.kind is OutcomeKind.COMPLETED
    assert has_ended(int(record.log.read_text()))


@needs_pidfd
def test_an_interrupt_ends_the_program_and_its_workers_and_goes_on(
    tmp_path: Path, make_plan: Callable[..., RunPlan]
) -> None:
    def interrupt(steps: int) -> None:
        raise KeyboardInterrupt

    process = start(make_plan("hang"), log=tmp_path / "0.log", entry=FAKE)
    with pytest.raises(KeyboardInterrupt):
        process.wait(on_progress=interrupt)
    assert has_ended(int((tmp_path / "0.log").read_text()))
    on_disk = json.loads((tmp_path / "runs" / "0" / "run.json").read_text())["outcome"]
    assert on_disk == {"kind": "killed", "code": None, "detail": "the audit was interrupted"}


def test_more_interrupts_do_not_keep_a_trace_from_saying_how_it_ended(
    tmp_path: Path, make_plan: Callable[..., RunPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(steps: int) -> None:
        raise KeyboardInterrupt("the first")

    process = start(make_plan("hang"), log=tmp_path / "0.log", entry=FAKE)
    interrupts = [1, 2]

    def be_interrupted(mark: str) -> None:
        if interrupts:
            raise KeyboardInterrupt(interrupts.pop())

    # Nearly at the end of what there is to stop.
    monkeypatch.setattr(process_module, "end_marked", be_interrupted)
    with pytest.raises(KeyboardInterrupt, match="the first"):
        process.wait(on_progress=interrupt)
    on_disk = json.loads((tmp_path / "runs" / "0" / "run.json").read_text())["outcome"]
    assert on_disk["kind"] == "killed"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_run_in_which_nothing_moves_is_ended(
    make_plan: Callable[..., RunPlan],
    tmp_path: Path,
    clock: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stillness_module, "time", clock)
    sleep = clock.sleep

    def pass_time(seconds: float) -> None:
        sleep(seconds)
        clock.now += 2.0

    clock.sleep = pass_time
    process = start(make_plan("hang"), log=tmp_path / "0.log", entry=FAKE)
    record = process.wait(timeout_s=3600, still_s=30)
    assert record.stood_still
    assert record.outcome.kind is OutcomeKind.TIMED_OUT
    assert 30 <= record.seconds < 1800
    assert record.still_s >= 30


def test_progress_is_passed_on_once_per_change(run_fake: Runner, clock: SimpleNamespace) -> None:
    seen: list[int] = []

    def look(steps: int) -> None:
        seen.append(steps)
        clock.now = 60.0

    run_fake("hang", timeout_s=60, on_progress=look)
    assert seen == [10]


def test_a_process_started_early_can_be_stopped_without_waiting_for_it(
    tmp_path: Path, make_plan: Callable[..., RunPlan]
) -> None:
    process = start(make_plan("hang"), log=tmp_path / "0.log", entry=FAKE)
    process.stop()
    assert process.returncode == -signal.SIGKILL


def test_the_recorders_own_failure_is_raised_with_its_message_code_and_hint(
    run_fake: Runner,
) -> None:
    said = {"message": "no 'stpe'", "code": "subject-attribute", "hint": "it has: step"}
    with pytest.raises(SubjectError) as caught:
        run_fake("fail", json.dumps(said), "64")
    assert caught.value.message == "no 'stpe'"
    assert (caught.value.code, caught.value.hint) == ("subject-attribute", "it has: step")


def test_links_with_the_names_of_a_plan_and_a_log_are_not_written_through(
    make_plan: Callable[..., RunPlan], tmp_path: Path
) -> None:
    (tmp_path / "valuable").write_text("kept")
    plan = make_plan("complete")
    links = (plan.trace_dir.with_name(f"{plan.trace_dir.name}.plan.json"), tmp_path / "0.log")
    plan.trace_dir.parent.mkdir(parents=True)
    for link in links:
        link.symlink_to(tmp_path / "valuable")
    start(plan, log=tmp_path / "0.log", entry=FAKE).wait()
    assert (tmp_path / "valuable").read_text() == "kept"
    assert not any(link.is_symlink() for link in links)


def test_a_recorder_failure_without_a_hint_points_to_the_log(run_fake: Runner) -> None:
    said = {"message": "it could not be installed", "code": "recorder-failed", "hint": ""}
    with pytest.raises(SubjectError, match="it could not be installed") as caught:
        run_fake("fail", json.dumps(said), "70")
    assert "0.log" in caught.value.hint


def test_a_program_may_use_the_recorders_exit_codes_itself(run_fake: Runner) -> None:
    assert run_fake("exit-recorded", "70").outcome == Outcome(OutcomeKind.EXITED, 70)


def test_a_program_that_prints_what_the_recorder_would_is_no_failure_of_it(
    run_fake: Runner,
) -> None:
    said = b"reproaudit: 'train.py' has no 'stpe' [subject-attribute]\n"
    assert run_fake("say", said.hex(), "64").outcome == Outcome(OutcomeKind.EXITED, 64)


def test_a_program_that_replaced_itself_is_named(run_fake: Runner) -> None:
    said = {"message": "the program replaced itself by 'sh'", "code": "c", "hint": "h"}
    outcome = run_fake("fail", json.dumps(said), "0").outcome
    assert outcome == Outcome(OutcomeKind.COMPLETED, 0, said["message"])


@pytest.mark.parametrize("code", ["0", "1"])
def test_a_process_that_recorded_nothing_is_an_error_with_its_output(
    run_fake: Runner, code: str
) -> None:
    with pytest.raises(SubjectError) as caught:
        run_fake("record-nothing", code)
    assert caught.value.code == "nothing-recorded"
    assert "No module named reproaudit.record" in caught.value.hint


def test_output_that_is_no_utf8_is_kept_and_shown_byte_for_byte(
    run_fake: Runner, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    record = run_fake("say", "ff00fe0a", "0", show_output=True)
    assert record.log.read_bytes() == b"\xff\x00\xfe\n"
    assert capfdbinary.readouterr() == (b"", b"\xff\x00\xfe\n")


def test_output_is_not_shown_unless_asked_for(
    run_fake: Runner, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run_fake("complete")
    assert capfdbinary.readouterr() == (b"", b"")


def test_the_environment_is_the_callers_alone(
    run_fake: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("OF_THE_USER", "1")
    seen = json.loads(run_fake("environment").log.read_text())
    # Python itself may add LC_CTYPE, and a shell's own variables never reach os.environ.
    assert set(seen["names"]) - {"LC_CTYPE"} == set(os.environ) - {"LC_CTYPE"}


def test_the_settings_variables_precede_the_process(
    run_fake: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    settings = Settings(hash_seed=5, threads=1)
    names = ("PYTHONHASHSEED", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    seen = json.loads(run_fake("environment", *names, settings=settings).log.read_text())
    assert seen["variables"] == {
        "PYTHONHASHSEED": "5",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


def test_a_run_has_a_session_of_its_own_the_subjects_folder_and_an_empty_standard_input(
    run_fake: Runner, tmp_path: Path
) -> None:
    seen = json.loads(run_fake("environment").log.read_text())
    assert (seen["session"], seen["cwd"], seen["stdin"]) == (True, str(tmp_path), "")


def test_our_interpreters_flags_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "flags", SimpleNamespace(optimize=2))
    monkeypatch.setattr(sys, "warnoptions", ["error::DeprecationWarning"])
    monkeypatch.setattr(sys, "_xoptions", {"dev": True, "utf8": "0"})
    assert interpreter_flags() == [
        "-OO",
        "-Werror::DeprecationWarning",
        "-X",
        "dev",
        "-X",
        "utf8=0",
    ]


def test_a_folder_that_holds_a_trace_is_refused(run_fake: Runner) -> None:
    run_fake("complete")
    with pytest.raises(UsageError) as caught:
        run_fake("complete")
    assert caught.value.code == "trace-exists"


def test_an_interpreter_that_is_not_there_is_a_usage_error(run_fake: Runner) -> None:
    with pytest.raises(UsageError, match="no-such-python"):
        run_fake("complete", python="no-such-python")


@pytest.mark.parametrize("name", ["0.log", "runs/0.plan.json"])
def test_a_folder_in_the_place_of_a_log_or_a_plan_is_named(
    tmp_path: Path, run_fake: Runner, name: str
) -> None:
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(UsageError) as caught:
        run_fake("complete")
    assert caught.value.code == "trace-unwritable"
    assert repr(str(tmp_path / name)) in caught.value.message


def test_a_pipe_in_the_place_of_a_log_is_replaced(tmp_path: Path, run_fake: Runner) -> None:
    os.mkfifo(tmp_path / "0.log")
    assert run_fake("complete").log.read_bytes() == b"step 1 done\n"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_in_the_place_of_a_run_is_refused(
    tmp_path: Path, run_fake: Runner, kind: str
) -> None:
    path = tmp_path / "runs" / "0"
    path.parent.mkdir()
    path.symlink_to(tmp_path) if kind == "link" else path.touch()
    with pytest.raises(UsageError) as caught:
        run_fake("complete")
    assert caught.value.code == "trace-exists"
    assert not list(tmp_path.glob("*.json"))


_SAYS_WHEN_IT_WAITS = """
import os, runpy
read = os.read
def say_and_read(*arguments):
    print("ready", flush=True)
    read(*arguments)
    os._exit(0)
os.read = say_and_read
runpy.run_module("reproaudit.record", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="watches threads through /proc")
def test_a_run_outlives_the_thread_that_started_it(
    tmp_path: Path, make_plan: Callable[..., RunPlan]
) -> None:
    log = tmp_path / "0.log"

    def start_and_leave() -> RunningProcess:
        entry = ("-c", _SAYS_WHEN_IT_WAITS)
        process = start(make_plan(), log=log, entry=entry, is_held=True)
        while "ready" not in log.read_text():
            ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            assert ended is None, log.read_text()
        return process

    with ThreadPoolExecutor(1) as pool:
        process = pool.submit(start_and_leave).result()
        (thread,) = pool._threads
    try:
        # Python's thread ends a little before the system's.
        while Path(f"/proc/self/task/{thread.native_id}").exists():
            pass
        process.release()
        ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        assert (ended.si_code, ended.si_status) == (os.CLD_EXITED, 0)
    finally:
        process.stop()
