"""What a tracker knows of a run, as plain facts: what readers of trackers return."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from reproaudit.codec import Malformed

Pairs = tuple[tuple[str, str], ...]

# Each module has `read_run` and `keep_files`. TensorBoard has no runs that are read back by a name.
READERS = {
    "mlflow": "reproaudit.track.read_mlflow",
    "wandb": "reproaudit.track.read_wandb",
}
# Kept beside a run by `reproaudit record --track`, in a folder of this name.
KEPT = "reproaudit"
MANIFEST_FILE = "manifest.json"
DIGESTS_FILE = "run.digests"
NAMES_FILE = "tensor_names.json"
KEPT_FILES = (MANIFEST_FILE, DIGESTS_FILE, NAMES_FILE)
MOST_KEPT_BYTES = 64 << 20

_REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;#]+)")
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run as its tracker holds it; what it does not hold is empty.

    `artifacts` are (path, digest or size); `packages` (normalised name, version), as a list of
    requirements says; `hardware` and `system` are named as a manifest's facts are. `kept` are the
    files that we left beside it, as base64 texts by name. `faults` say what could not be read.
    """

    tracker: str
    run: str
    label: str
    params: Pairs = ()
    tags: Pairs = ()
    metrics: Pairs = ()
    artifacts: Pairs = ()
    packages: Pairs = ()
    lists_all_packages: bool = False
    hardware: Pairs = ()
    system: Pairs = ()
    python: str = ""
    program: str = ""
    arguments: tuple[str, ...] = ()
    commit: str = ""
    patch: str = ""
    kept: Pairs = ()
    faults: tuple[str, ...] = ()

    def find_kept(self, name: str) -> bytes:
        """Return a file that we left beside the run; b"" if it is not there."""
        text = dict(self.kept).get(name, "")
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            raise Malformed(f"{name} is no base64 text") from None


def pack(content: bytes) -> str:
    """Return bytes as the text that `kept` holds."""
    return base64.b64encode(content).decode("ascii")


def read_requirements(text: str) -> Pairs:
    """Return (name, version) of the exact pins in a list of requirements; names are normalised."""
    found = {}
    for line in text.splitlines():
        pin = _REQUIREMENT.match(line.strip())
        if pin is not None:
            found[_SEPARATORS.sub("-", pin[1]).lower()] = pin[2]
    return tuple(sorted(found.items()))
