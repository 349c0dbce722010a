"""Imitates the recorder for test_process.py: writes a header, then behaves as the first argument
says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

EVENT_DTYPE = [
    ["kind", "|u1"],
    ["phase", "|u1"],
    ["flags", "<u2"],
    ["step", "<i4"],
    ["name", "<u4"],
    ["module", "<u4"],
    ["location", "<u4"],
    ["thread", "<u2"],
    ["count", "<u2"],
    ["aux", "<u8"],
    ["inputs", "<u8", [2]],
    ["outputs", "<u8", [2]],
]

plan: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
trace_dir = Path(plan["trace_dir"])
behaviour, *arguments = plan["subject"]["argv"]


def say_how_it_ended(
    kind: str, code: int | None = None, detail: str = "", *, events: int = 0
) -> None:
    header = {
        "magic": "reproaudit-trace",
        "format": 1,
        "reproaudit": "0",
        "level": "boundary",
        "subject": "train.py",
        "command": [],
        "settings": {},
        "environment": {},
        "event_dtype": EVENT_DTYPE,
        "strings": [""],
        "locations": [{"path": "", "line": 0, "function": "", "cell": 0}],
        "threads": ["main"],
        "steps": 0,
        "events": events,
        "outcome": {"kind": kind, "code": code, "detail": detail},
        "changes": [],
        "notes": [],
    }
    (trace_dir / "run.json").write_text(json.dumps(header), encoding="utf-8")


def start_worker() -> int:
    """Start a process in our group that outlives us unless somebody ends it."""
    code = "import os, signal; print(os.getpid(), flush=True); signal.alarm(300); signal.pause()"
    worker = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    worker.stdout.readline()
    return worker.pid


def done(steps: int) -> None:
    (trace_dir / "progress").write_text(str(steps), encoding="ascii")


def hang() -> None:
    signal.alarm(300)
    while True:
        signal.pause()


if behaviour != "record-nothing":
    trace_dir.mkdir()
    (trace_dir / "events.bin").touch()
    say_how_it_ended("running")

if behaviour == "complete":
    print("step 1 done")
    say_how_it_ended("completed", 0)
elif behaviour == "exit":
    sys.exit(int(arguments[0]))
elif behaviour == "exit-recorded":
    say_how_it_ended("exited", int(arguments[0]))
    sys.exit(int(arguments[0]))
elif behaviour == "os-exit":
    os._exit(0)
elif behaviour == "signal":
    os.kill(os.getpid(), int(arguments[0]))
elif behaviour == "say":
    sys.stdout.flush()
    sys.stdout.buffer.write(bytes.fromhex(arguments[0]))
    sys.stdout.flush()
    sys.exit(int(arguments[1]))
elif behaviour == "fail":
    Path(f"{trace_dir}.failure.json").write_text(arguments[0], encoding="utf-8")
    sys.exit(int(arguments[1]))
elif behaviour == "record-nothing":
    print("No module named reproaudit.record")
    sys.exit(int(arguments[0]))
elif behaviour == "close-stdout":
    os.close(1)
    os.close(2)
    say_how_it_ended("completed", 0)
elif behaviour == "leave-worker":
    print(start_worker())
    sys.stdout.flush()
    say_how_it_ended("completed", 0)
    os._exit(0)
elif behaviour == "hang":
    if "deaf" in arguments:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "last-words" in arguments:
        signal.signal(signal.SIGTERM, lambda *_: (say_how_it_ended("completed", 0), os._exit(0)))
    if "finished" in arguments:
        say_how_it_ended("stopped", 0, "stopped after 10 steps")
    if "writing" in arguments:
        say_how_it_ended("completed", 0, events=2)
        (trace_dir / "events.bin").write_bytes(bytes(64))
    print(start_worker())
    sys.stdout.flush()
    done(10)
    hang()
elif behaviour == "environment":
    print(
        json.dumps(
            {
                "variables": {name: os.environ.get(name) for name in arguments},
                "names": sorted(os.environ),
                "cwd": os.getcwd(),
                "optimize": sys.flags.optimize,
                "stdin": sys.stdin.read(),
                "session": os.getsid(0) == os.getpid() == os.getpgrp(),
            }
        )
    )
    say_how_it_ended("completed", 0)
