"""How interpreters that a run starts, however far below it, find the recorder.

The recorder and whoever starts it both need it, and neither imports the other. What the
interpreters read is in `record/startup`.
"""

from __future__ import annotations

import os
import site
from collections.abc import Mapping

ENTRY_VARIABLE = "REPROAUDIT_ENTRY"  # the recorder's entry.py
PLAN_VARIABLE = "REPROAUDIT_PLAN"
# "PID:LABEL:RANK": of the process that starts another, the label it gives it, and its own RANK.
PLACE_VARIABLE = "REPROAUDIT_PLACE"
# A folder that is put first on PYTHONPATH; absent where interpreters need none.
SITE_VARIABLE = "REPROAUDIT_SITE"
# All of them: what enters the recorder into an interpreter.
VARIABLES = (ENTRY_VARIABLE, PLAN_VARIABLE, PLACE_VARIABLE, SITE_VARIABLE)
PATH_VARIABLE = "PYTHONPATH"

_RECORD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "record")
# By its path: in the program's folder, a `reproaudit.py` would be found first.
RECORDER = os.path.join(_RECORD, "entry.py")
_ELSEWHERE = os.path.join(_RECORD, "startup", "elsewhere")
_STARTUP_FILE = "reproaudit.pth"


def is_installed() -> bool:
    """Return True if interpreters of this environment enter the recorder by themselves."""
    places = [*site.getsitepackages(), site.getusersitepackages()]
    return any(os.path.isfile(os.path.join(place, _STARTUP_FILE)) for place in places)


def name_recorder(environ: Mapping[str, str], plan_file: str, *, is_site: bool) -> dict[str, str]:
    """Return the environment of a run in which interpreters find the recorder and its plan.

    `is_site`: they find it through PYTHONPATH, for nothing is installed beside them.
    """
    # Without those of an audit that this one runs within.
    variables = {name: value for name, value in environ.items() if name not in VARIABLES}
    variables |= {ENTRY_VARIABLE: RECORDER, PLAN_VARIABLE: plan_file}
    if is_site:
        variables[SITE_VARIABLE] = _ELSEWHERE
        variables[PATH_VARIABLE] = put_first(_ELSEWHERE, environ.get(PATH_VARIABLE, ""))
    return variables


def put_first(site_folder: str, path: str) -> str:
    """Return a PYTHONPATH whose first place is `site_folder`."""
    rest = [place for place in path.split(os.pathsep) if place and place != site_folder]
    return os.pathsep.join([site_folder, *rest])
