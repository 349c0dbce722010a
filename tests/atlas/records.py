"""Records of cells made by hand, for tests that sweep nothing."""

from __future__ import annotations

from typing import Any

from reproaudit.atlas.cells import Request
from reproaudit.atlas.document import make_document

HEAD = {"environment": {"torch": "2.13.0"}, "request": Request().to_json()}


def cell(op: str, phase: str = "forward", dtype: str = "float32", size: str = "large") -> str:
    return f"cpu/{op}/{dtype}/{size}/t2/{phase}"


def stable(name: str, declared: str = "nothing", **more: Any) -> dict[str, Any]:
    return {
        "cell": name,
        "status": "stable",
        "calls": 3,
        "samples": 5,
        "elements": 9,
        "declared": declared,
        **more,
    }


def differing(name: str, under_flag: str, *, again: bool = True, **more: Any) -> dict[str, Any]:
    return {
        **stable(name),
        "status": "differs",
        "call": "0",
        "way": "plain",
        "tallies": {"plain": [2, 10]},
        "difference": {"elements": 9, "differing": 1, "max_abs": 0.5},
        "under_flag": under_flag,
        "of_calls": 1,
        "confirm": {
            "again": again,
            "way": "plain",
            "tallies": {"plain": [4, 20]},
            "aten": "aten::put.default",
            "program": "print('|')",
        },
        **more,
    }


def document(*records: dict[str, Any]) -> dict[str, Any]:
    return make_document(HEAD, {record["cell"]: record for record in records})
