"""Lends variables to a tracker's client, which reads them as it works; the process is left as
found."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def lend_variables(variables: Mapping[str, str], without: tuple[str, ...] = ()) -> Iterator[None]:
    """Set those of the variables that are not set, and hide those named in `without`."""
    before = {name: os.environ.get(name) for name in (*variables, *without)}
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    for name in without:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, found in before.items():
            if found is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = found
