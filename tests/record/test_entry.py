"""The recorder is loaded before anything of the program can be in its way."""

from __future__ import annotations

import os

from reproaudit.record.entry import own_path

LIBRARY = os.path.dirname(os.__file__)


def test_the_standard_library_and_the_recorder_come_before_what_the_program_names() -> None:
    packages = os.path.join(LIBRARY, "site-packages")
    first, root, *rest = own_path(["", "/program", LIBRARY, packages])
    assert first == LIBRARY
    assert os.path.isdir(os.path.join(root, "reproaudit"))
    assert rest == ["/program", packages]
