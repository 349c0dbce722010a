"""What `run.json` says of a run from its start on, and what is learnt of it later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reproaudit.files import encode
from reproaudit.trace.schema import EVENT_FIELDS, FORMAT_VERSION, MAGIC, NO_RANK, ProcessRow


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """Which process of a run a trace is of.

    `rank` is NO_RANK, and `world` 0, unless it is one of several that wait for one another.
    `restart` counts how often a launcher has started the ranks anew. `is_launcher`: nothing was
    recorded of it; it stands for the command that started the others.
    """

    rank: int = NO_RANK
    world: int = 0
    restart: int = 0
    is_launcher: bool = False

    @property
    def is_rank(self) -> bool:
        return self.rank != NO_RANK

    def to_row(self) -> ProcessRow:
        """Return the facts as `run.json` has them."""
        return {
            "rank": self.rank,
            "world": self.world,
            "restart": self.restart,
            "is_launcher": self.is_launcher,
        }


NO_RANK_YET = ProcessFacts()


class RunFacts:
    """The fields of `run.json` that do not grow with the run, as JSON in `text`, which lacks its
    closing brace."""

    def __init__(
        self,
        *,
        level: str,
        subject: str,
        command: Sequence[str],
        settings: Mapping[str, object],
        environment: Mapping[str, str],
        version: str,
        process: ProcessFacts,
    ) -> None:
        self._given: dict[str, Any] = {
            "magic": MAGIC,
            "format": FORMAT_VERSION,
            "reproaudit": version,
            "level": level,
            "subject": subject,
            "command": list(command),
            "settings": dict(settings),
            "environment": dict(environment),
            "process": process.to_row(),
            "event_dtype": EVENT_FIELDS,
        }
        self.text = encode(self._given)[:-1]

    def learn(self, name: str, value: str) -> None:
        """Add to the environment."""
        self._set("environment", {**self._given["environment"], name: value})

    def identify(self, process: ProcessFacts) -> None:
        """Say which process it is."""
        self._set("process", process.to_row())

    def _set(self, field: str, value: object) -> None:
        self._given = self._given | {field: value}
        self.text = encode(self._given)[:-1]
