"""The byte that new memory is filled with."""

from __future__ import annotations

from reproaudit.knowledge.fills import OTHER_FILL, ZERO_FILL, name_fill


def test_glibc_is_given_the_complement_of_the_byte_that_torch_is_given() -> None:
    for byte in (ZERO_FILL, OTHER_FILL):
        variables = dict(name_fill(byte))
        assert int(variables["REPROAUDIT_FILL"]) ^ int(variables["MALLOC_PERTURB_"]) == 255
        assert variables["MALLOC_PERTURB_"] != "0", "zero means no fill"
