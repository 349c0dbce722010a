"""The record of one event, as the file holds it and as `run.json` spells it out."""

from __future__ import annotations

import json

import numpy as np

from reproaudit.trace.schema import EVENT, EVENT_FIELDS


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
