"""The record of one event, as the file holds it and as `run.json` spells it out."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from reproaudit.trace.records import EVENT
from reproaudit.trace.schema import EVENT_FIELDS


def test_a_record_is_64_bytes_without_gaps_in_this_byte_order() -> None:
    ends = 0
    for name in EVENT.names:
        dtype, offset = EVENT.fields[name][:2]
        assert offset == ends, name
        ends += dtype.itemsize
        assert dtype.base.str[0] in "<|", name
    assert ends == EVENT.itemsize == 64


def test_what_run_json_spells_out_makes_the_same_record() -> None:
    spelled = json.loads(json.dumps(EVENT_FIELDS))
    fields = [(name, kind, *map(tuple, length)) for name, kind, *length in spelled]
    assert np.dtype(fields) == EVENT


def test_what_only_starts_runs_does_not_wait_for_numpy() -> None:
    code = "import sys, reproaudit.runs.process; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
