"""The names of cells and the request, as they travel to the worker and into the log."""

from __future__ import annotations

import json

import pytest

from reproaudit.atlas.cells import Cell, Request, parse_cell, request_from
from reproaudit.errors import UsageError

CELL = "cpu/gather/float32/large/t2/backward"


def test_a_cell_is_read_back_from_its_name() -> None:
    cell = Cell("cpu", "nn.functional.conv2d", "bfloat16", "sample", 12, "forward")
    assert parse_cell(str(cell)) == cell


@pytest.mark.parametrize(
    "name",
    ["gather", "tpu/gather/float32/large/t2/forward", f"{CELL}/x", "cpu/a/b/large/2/forward"],
)
def test_what_is_no_cell_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="atlas-cell"):
        parse_cell(name)


def test_a_request_survives_its_way_to_the_worker() -> None:
    request = Request("cuda", "^a", ("int64",), ("large",), (1,), 5, 1.5, 7)
    assert request_from(json.loads(json.dumps(request.to_json()))) == request
