"""How a run ended, written into a trace: by its own process, or by the one that watched it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from reproaudit import files
from reproaudit.errors import TraceError
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.trace.schema import MAGIC, RUN_FILE, OutcomeRow


def finalise_outcome(directory: str | os.PathLike[str], outcome: Outcome) -> None:
    """Write how a run ended into a trace whose process could not do it. Raises TraceError if there
    is no such trace."""
    path = Path(directory) / RUN_FILE
    header = files.read_run_file(path)
    if header.get("magic") != MAGIC:
        files.refuse(path, "it is no reproaudit trace")
    try:
        files.write_whole(
            str(path), files.encode(header | {"outcome": outcome_row(outcome)}).encode("ascii")
        )
    except (OSError, ValueError, RecursionError) as error:
        raise TraceError(
            f"cannot write {str(path)!r}: {getattr(error, 'strerror', None) or error}",
            code="trace-unwritable",
            hint="check the permissions of the trace's folder and the space left on its disk",
        ) from None


def read_outcome(directory: str | os.PathLike[str]) -> Outcome | None:
    """Return what run.json says of the end, or None if there is none that can be read."""
    try:
        return outcome_of_row(json.loads((Path(directory) / RUN_FILE).read_bytes())["outcome"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_final(outcome: Outcome | None) -> bool:
    """Return True if a trace says how its run ended."""
    return outcome is not None and outcome.kind is not OutcomeKind.RUNNING


def outcome_of_row(row: OutcomeRow) -> Outcome:
    """Return the outcome that stands in `run.json`."""
    return Outcome(OutcomeKind(row["kind"]), row["code"], row["detail"])


def outcome_row(outcome: Outcome) -> OutcomeRow:
    """Return an outcome as `run.json` has it."""
    return {
        "kind": outcome.kind.value,
        "code": outcome.code,
        "detail": files.legible(outcome.detail),
    }
