"""Stands in for the interpreter where a recorded run may be a fork of the warmed process.

    python -S -E warm_python.py SOCKET ARGUMENT...

does what `python ARGUMENT...` does. A recorded run becomes a fork of the process that listens at
SOCKET: this process hands over what it was started with, hands on the signals that it gets, and
ends as the fork ends. Anything else is the interpreter itself. See tests/warm.py.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
from types import FrameType

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECORDED = [os.path.join(ROOT, "reproaudit", "record", "entry.py")]
FRESH = 0  # said in place of a fork's number: this run needs an interpreter of its own
NUMBER = struct.Struct("!i")
HANDED_ON = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def main(path: str, arguments: list[str]) -> int:
    """Return the exit code of the run, or end by the signal that ended it."""
    if arguments[:1] != RECORDED:
        be_the_interpreter(arguments)
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    # Behind the plan stands the process to end with: the fork ends with this one.
    held = [int(word) for word in arguments[3:]]
    order = {"plan": arguments[1], "folder": os.getcwd(), "environment": dict(os.environ)}
    text = json.dumps(order).encode()
    socket.send_fds(server, [NUMBER.pack(len(text))], [0, 1, 2, *held])
    server.sendall(text)
    fork = read_number(server)
    if fork == FRESH:
        be_the_interpreter(arguments)
    for descriptor in held:
        # The fork alone reads there: whoever writes shall see that it is gone.
        os.close(descriptor)

    def hand_on(number: int, frame: FrameType | None) -> None:
        os.killpg(fork, number)

    for number in HANDED_ON:
        signal.signal(number, hand_on)
    try:
        code = read_number(server)
    except EOFError:
        # The server is gone and can no longer end what it started.
        os.killpg(fork, signal.SIGKILL)
        raise
    if code < 0:
        if -code != signal.SIGKILL:  # which has no handler to be reset
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def be_the_interpreter(arguments: list[str]) -> None:
    os.execv(sys.executable, [sys.executable, *arguments])


def read_number(server: socket.socket) -> int:
    """Return what the server says. Raises EOFError if it is gone."""
    data = server.recv(NUMBER.size, socket.MSG_WAITALL)
    if len(data) < NUMBER.size:
        raise EOFError("the warmed process is gone")
    (number,) = NUMBER.unpack(data)
    return int(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
