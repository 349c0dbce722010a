"""Whether objects have the same addresses in each run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.record.repairs.running import run

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the switch")]

ADDRESSES = """
import os, subprocess, sys
class Thing:
    def __init__(self, number):
        self.number = number
things = {Thing(number) for number in range(50)}
print([thing.number for thing in things], os.environ.get("PYTHONHASHSEED"), sys.argv[1:])
with open("/proc/self/personality") as file:
    print(file.read())
"""


def test_a_set_of_objects_is_iterated_in_the_same_order_in_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where the runner starts a process, it gives it the settings' variables.
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    runs = {run(tmp_path, ADDRESSES, "addresses.fixed", is_fresh=True) for _ in range(3)}
    assert len(runs) == 1
    (text,) = runs
    order, personality = text.splitlines()[:2]
    if int(personality, 16) & 0x0040000:
        assert order.endswith(" 0 []")
        assert len({run(tmp_path, ADDRESSES, is_fresh=True) for _ in range(4)}) > 1
