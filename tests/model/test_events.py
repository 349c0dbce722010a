"""What events and endings are called, in traces that are already written."""

from __future__ import annotations

import pytest

from reproaudit.model.events import EventFlag, EventKind, Location, Outcome, OutcomeKind, Phase


def test_a_location_names_its_function_only_where_it_has_one() -> None:
    assert str(Location("train.py", 9, "main")) == "train.py:9 in main"
    assert str(Location("train.py", 9)) == "train.py:9"


@pytest.mark.parametrize("kind", OutcomeKind)
def test_only_a_program_that_ended_or_was_stopped_by_us_is_a_success(kind: OutcomeKind) -> None:
    expected = kind in (OutcomeKind.COMPLETED, OutcomeKind.STOPPED)
    assert Outcome(kind).is_success is expected


def test_every_flag_has_a_bit_of_its_own_that_fits_the_column_of_a_trace() -> None:
    for flag in EventFlag:
        assert flag.value.bit_count() == 1
    assert sum(EventFlag) < 1 << 16


def test_the_numbers_of_kinds_and_phases_are_those_of_written_traces() -> None:
    assert [kind.name for kind in sorted(EventKind)] == [
        "OP",
        "BATCH",
        "OUTPUT",
        "GRADIENT",
        "PARAMETER",
        "RNG",
        "ALERT",
        "ENTROPY",
        "FILE",
        "LINE",
        "REPLAY",
        "SAVED",
        "FINAL",
        "REPLICA",
        "BUFFER",
        "STATE",
        "PIECE",
        "SETTING",
    ]
    assert [kind.value for kind in sorted(EventKind)] == list(range(1, 19))
    assert list(Phase) == [
        Phase.DATA,
        Phase.FORWARD,
        Phase.BACKWARD,
        Phase.OPTIMIZER,
        Phase.INITIALISATION,
    ]
    assert [phase.value for phase in Phase] == [0, 1, 2, 3, 4]
