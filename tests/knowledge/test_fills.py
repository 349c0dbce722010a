"""The byte that new memory is filled with."""

from __future__ import annotations

from reproaudit.knowledge.fills import OTHER_FILL, ZERO_FILL, name_fill, takes_number


def test_glibc_is_given_the_complement_of_the_byte_that_torch_is_given() -> None:
    for byte in (ZERO_FILL, OTHER_FILL):
        variables = dict(name_fill(byte))
        assert int(variables["REPROAUDIT_FILL"]) ^ int(variables["MALLOC_PERTURB_"]) == 255
        assert variables["MALLOC_PERTURB_"] != "0", "zero means no fill"


def test_only_what_reads_no_tensor_takes_nothing_but_a_number() -> None:
    assert takes_number("aten::full")
    assert takes_number("aten::fill_.Scalar")
    assert not takes_number("aten::fill_.Tensor")
