from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.report.json_text import write_json

_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
_DOCUMENTS = st.recursive(
    _LEAVES | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_DOCUMENTS)
def test_it_is_what_the_standard_library_writes(document: Any) -> None:
    assert write_json(document) == json.dumps(document, indent=1) + "\n"


@pytest.mark.parametrize("number", [math.inf, math.nan])
def test_what_is_no_json_number_is_never_written(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json([number])
