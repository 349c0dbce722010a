"""Enters the recorder in interpreters for which reproaudit is not installed.

An audit puts this folder first on PYTHONPATH where no other way is there. What it hides, a
`sitecustomize` of the system or of the environment, is imported after it.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_STARTUP = os.path.dirname(_HERE)
_NAME = "_reproaudit_start"
# In a checkout, and as a wheel installs it: beside the package.
_PLACES = (_STARTUP, os.path.dirname(os.path.dirname(os.path.dirname(_STARTUP))))


def _enter() -> None:
    if _NAME not in sys.modules:
        external = sys.modules["_frozen_importlib_external"]
        paths = [os.path.join(place, f"{_NAME}.py") for place in _PLACES]
        path = next(path for path in paths if os.path.isfile(path))
        spec = external.spec_from_file_location(_NAME, path)
        module = sys.modules["_frozen_importlib"].module_from_spec(spec)
        sys.modules[_NAME] = module
        spec.loader.exec_module(module)
    sys.modules[_NAME].enter()


def _make_way() -> None:
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != _HERE]
    ours = sys.modules.pop(__name__)
    try:
        __import__(__name__)
    except ModuleNotFoundError as error:
        if error.name != __name__:
            raise
        sys.modules[__name__] = ours


_enter()
_make_way()
