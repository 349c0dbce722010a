"""One run on another machine, as the process there makes it that an engine has started.

Where that machine sees the audit's folder, all is read and written in it. Where it does not, the
files of the run come as a parcel, lie at the same paths while the run goes on, and the trace goes
back as one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reproaudit.config.plan import name_plan_file
from reproaudit.config.subject import SubjectSpec
from reproaudit.files import write_whole
from reproaudit.runs.executors.parcels import pack, unpack
from reproaudit.runs.executors.protocol import Fault, Job, JobEnd
from reproaudit.runs.executors.work import start_worker

_POLL_S = 0.05
_TEMPORARY = "TMPDIR"


@dataclass(frozen=True, slots=True)
class Sight:
    """A file with a word in it: who reads the word there sees the folder that the file lies in."""

    file: Path
    word: str

    def is_seen(self) -> bool:
        """Return True if this machine sees the same file; another one may lie in its place."""
        try:
            return self.file.read_text(encoding="utf-8") == self.word
        except OSError:
            return False


def put_in_sight(folder: Path) -> Sight:
    """Write the file by which others know the folder."""
    sight = Sight(folder / ".in-sight", uuid.uuid4().hex)
    write_whole(sight.file, sight.word.encode())
    return sight


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How the run ended, and what it left where the folder is not seen.

    Without an `end` it was not made: it takes a parcel of its files.
    """

    end: JobEnd | None = None
    parcel: bytes = b""


def make_run_elsewhere(
    job: Job, environment: Mapping[str, str], sight: Sight, files: bytes | None = None
) -> Answer:
    """Make the run, in a process of its own with this environment, and wait for its end.

    It is ended with all that it has started if this is interrupted. Raises what `parcels` do.
    """
    with contextlib.ExitStack() as stack:
        is_seen = sight.is_seen()
        if not is_seen:
            if files is None:
                return Answer()
            stack.enter_context(_lay_out(job, files))
        fault = _find_what_is_missing(job.plan.subject)
        if fault is not None:
            return Answer(end=JobEnd(fault=fault))
        stack.enter_context(_give_temporary_folder(job))
        end = _make(job, environment)
        return Answer(end=end, parcel=b"" if is_seen else pack(job.folder, _list_left(job)))


def pack_files(job: Job) -> bytes:
    """Return the files that a run needs and which lie in the audit's folder.

    These are the copy that it works in, and the trace that it is given the outputs of.
    """
    return pack(job.folder, _list_lent(job))


def take_left(job: Job, parcel: bytes) -> None:
    """Put what a run has left elsewhere to its place here."""
    if parcel:
        unpack(parcel, job.folder)


def _list_lent(job: Job) -> list[str]:
    plan = job.plan
    places = [plan.subject.cwd, plan.subject.file, *(Path(new) for new, _ in plan.copies)]
    if plan.reference:
        places.append(Path(plan.reference))
    below = [place for place in places if place.is_relative_to(job.folder)]
    return [place.relative_to(job.folder).parts[0] for place in below]


def _list_left(job: Job) -> list[str]:
    left = (job.plan.trace_dir, job.log, Path(name_plan_file(job.plan.trace_dir)))
    return [str(place.relative_to(job.folder)) for place in left]


@contextlib.contextmanager
def _lay_out(job: Job, files: bytes) -> Iterator[None]:
    """Put the files of a run to where they lie on the machine that sent them."""
    names = [*_list_lent(job), *_list_left(job)]
    try:
        unpack(files, job.folder, is_ours=True)
        yield
    finally:
        for name in names:
            _remove(job.folder / name)
        # Another run on this machine may still have its own in it.
        with contextlib.suppress(OSError):
            job.folder.rmdir()


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _find_what_is_missing(subject: SubjectSpec) -> Fault | None:
    """Say what of the program is not to be seen from this machine."""
    missing = [place for place in (subject.cwd, subject.file) if not place.exists()]
    if not missing:
        return None
    return Fault(
        message=f"{os.uname().nodename} does not see {str(missing[0])!r}",
        code="subject-not-seen",
        hint="put the program, and what it reads, where all machines see it",
        is_usage=True,
    )


@contextlib.contextmanager
def _give_temporary_folder(job: Job) -> Iterator[None]:
    """Make the run's own temporary folder here: it lies beside the one of this machine."""
    named = dict(job.plan.settings.env).get(_TEMPORARY)
    if named is None or Path(named).exists():
        yield
        return
    Path(named).mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(named, ignore_errors=True)
        with contextlib.suppress(OSError):
            Path(named).parent.rmdir()


def _make(job: Job, environment: Mapping[str, str]) -> JobEnd:
    worker = start_worker(job, environment)
    try:
        # An engine interrupts by a flag that is looked at between two waits, not within one.
        while (end := worker.look()) is None:
            time.sleep(_POLL_S)
    except BaseException:
        worker.cancel()
        raise
    return end
