"""Cells in a kernel that another program has started."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from reproaudit.record.hooks import cells
from reproaudit.record.process.other_kernels import number_cells


def test_in_a_kernel_of_another_program_cells_are_named_by_their_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Compiler:
        def cache(self, transformed: str, number: int = 0, raw_code: str | None = None) -> str:
            return f"/tmp/ipykernel_1/{raw_code}"

    module = ModuleType("ipykernel.compiler")
    vars(module)["XCachingCompiler"] = Compiler
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "ipykernel.compiler", module)
    monkeypatch.setattr(cells, "_known", {})
    number_cells()
    code = cells.find_code(Compiler().cache("x", 7, raw_code="\n\nx"))
    assert code is not None
    assert (code.cell, code.line(1)) == (7, 3)
    # What Jupyter itself asks of the kernel has no number.
    assert cells.find_code(Compiler().cache("y", raw_code="y")) is None
