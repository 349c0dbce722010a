"""Enters the recorder in interpreters that an audit starts, however far below it.

It lies beside the installed packages: `reproaudit.pth`, and from Python 3.15 on `reproaudit.start`
(PEP 829), call it when an interpreter starts. Without an audit's variables it is not even imported
by the former. The recorder that is entered is that of the audit, wherever that is installed.
"""

import os
import sys

_has_entered = False


def enter() -> None:
    """Enter the recorder that the environment names, once in the life of an interpreter.

    A virtual environment may have two folders of packages that are one, and each file is read
    twice there.
    """
    global _has_entered
    path = os.environ.get("REPROAUDIT_ENTRY")
    # Whatever outlives its audit goes on without it.
    if not path or _has_entered or not os.path.isfile(path):
        return
    _has_entered = True
    loader = sys.modules["_frozen_importlib_external"].SourceFileLoader("entry", path)
    scope = {"__name__": "entry", "__file__": path}
    exec(loader.get_code("entry"), scope)
    scope["start"]()  # type: ignore[operator]
