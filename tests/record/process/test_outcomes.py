"""How a program that ended by an exception has ended."""

from __future__ import annotations

import pytest

from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.record.process.outcomes import describe_end


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SystemExit(), Outcome(OutcomeKind.COMPLETED, 0)),
        (SystemExit(False), Outcome(OutcomeKind.COMPLETED, 0)),
        (SystemExit(3), Outcome(OutcomeKind.EXITED, 3, "in cell 2: sys.exit")),
        (SystemExit("why"), Outcome(OutcomeKind.EXITED, 1, "in cell 2: sys.exit")),
        (SystemExit(1 << 70), Outcome(OutcomeKind.EXITED, -1, "in cell 2: sys.exit")),
        (ValueError("a\n b"), Outcome(OutcomeKind.RAISED, 1, "in cell 2: ValueError: a b")),
        # As torch.multiprocessing quotes what ended another process.
        (
            OSError("-- 1:\nTraceback (most recent call last):\n  File x\nKeyError: 'b'\n"),
            Outcome(OutcomeKind.RAISED, 1, "in cell 2: OSError: -- 1: KeyError: 'b'"),
        ),
        (KeyboardInterrupt(), Outcome(OutcomeKind.RAISED, 1, "in cell 2: KeyboardInterrupt")),
    ],
)
def test_the_end_says_what_happened_and_where(error: BaseException, expected: Outcome) -> None:
    assert describe_end(error, "in cell 2: ") == expected


def test_what_an_exit_gives_in_place_of_a_number_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    describe_end(SystemExit("no data"))
    assert capsys.readouterr().err == "no data\n"
