"""Which tensors a pattern names, and which of several tolerances counts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reproaudit.config.tolerance import (
    TensorPattern,
    Tolerance,
    Tolerances,
    parse_tolerance,
    parse_tolerances,
)
from reproaudit.errors import UsageError
from reproaudit.model.events import EventKind

GRADIENT, PARAMETER, BATCH = EventKind.GRADIENT, EventKind.PARAMETER, EventKind.BATCH


@pytest.mark.parametrize(
    ("text", "kind", "name", "is_match"),
    [
        ("gradient:layers.*", GRADIENT, "layers.3.bias", True),
        ("gradient:layers.*", PARAMETER, "layers.3.bias", False),
        ("*.bias", PARAMETER, "layers.3.bias", True),
        ("*.bias", GRADIENT, "layers.3.bias_hh", False),
        ("layers.?.bias", GRADIENT, "layers.3.bias", True),
        ("layers.?.bias", GRADIENT, "layers.13.bias", False),
        ("bias", GRADIENT, "layers.3.bias", False),
        ("Bias", GRADIENT, "bias", False),
        ("batch:batch[0]", BATCH, "batch[0]", True),
        ("batch:batch[0]", BATCH, "batch0", False),
        ("output:a:b", EventKind.OUTPUT, "a:b", True),
    ],
)
def test_a_pattern_is_of_whole_names_and_only_stars_and_question_marks_stand_for_others(
    text: str, kind: EventKind, name: str, is_match: bool
) -> None:
    assert TensorPattern(text).matches(kind, name) is is_match


def test_the_first_pattern_that_matches_decides_then_the_dtype_then_all() -> None:
    tolerances = parse_tolerances(
        [
            "gradient:layers.*:ulp=4;float32:ulp=2",
            "*.bias:rtol=1e-3,atol=1e-4",
            "ulp=1",
            "torch.bfloat16:bitwise",
        ]
    )
    found = [
        tolerances.of(kind, name, dtype)
        for kind, name, dtype in (
            (GRADIENT, "layers.3.bias", "float32"),
            (PARAMETER, "layers.3.bias", "float32"),
            (GRADIENT, "w", "float32"),
            (GRADIENT, "w", "float64"),
            (GRADIENT, "w", "bfloat16"),
        )
    ]
    assert found == [
        Tolerance(ulp=4),
        Tolerance(1e-3, 1e-4),
        Tolerance(ulp=2),
        Tolerance(ulp=1),
        Tolerance(),
    ]


def test_nothing_said_is_bitwise() -> None:
    assert Tolerances().of(GRADIENT, "w", "float32").is_bitwise
    assert parse_tolerances(["*.bias:ulp=4"]).of(GRADIENT, "weight", "float32").is_bitwise


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "flaot32:ulp=4",
            "tolerance-syntax",
        ),  # not a pattern: a mistyped dtype must not match nothing in silence
        ("torch.flaot32:ulp=4", "tolerance-syntax"),
        ("gradient:layers.*", "tolerance-syntax"),
        ("gradients:layers.*:ulp=4", "pattern-invalid"),
        ("gradient::ulp=4", "pattern-invalid"),
        ("*.bias:ulp=4;ulp=1;ulp=2", "tolerance-syntax"),
    ],
)
def test_what_is_neither_a_dtype_nor_a_pattern_with_limits_is_refused(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_tolerances([text])
    assert caught.value.code == code


def test_tolerances_are_read_for_all_dtypes_and_for_single_ones() -> None:
    assert parse_tolerance("bitwise") == {"*": Tolerance()}
    assert parse_tolerance("rtol=1e-5, atol=1e-8") == {"*": Tolerance(rtol=1e-5, atol=1e-8)}
    assert parse_tolerance("ulp=4") == {"*": Tolerance(ulp=4)}
    assert parse_tolerance("float32:rtol=1e-5,atol=1e-6; torch.bfloat16:ulp=2") == {
        "*": Tolerance(),
        "float32": Tolerance(rtol=1e-5, atol=1e-6),
        "bfloat16": Tolerance(ulp=2),
    }
    assert parse_tolerance("*:ulp=1;int64:bitwise") == {"*": Tolerance(ulp=1), "int64": Tolerance()}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rtol",
        "rtol=",
        "rtol=x",
        "rtol=-1",
        "atol=nan",
        "rtol=inf",
        "ulp=1.5",
        "ulp=-1",
        "ulp=1,ulp=2",
        "rtol=1;atol=1",
        "float33:ulp=1",
        "float32:",
        "bitwise,ulp=1",
        "rtol=1e-5;",
        ":ulp=1",
    ],
)
def test_a_tolerance_that_cannot_be_read_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_tolerance(text)
    assert refused.value.code == "tolerance-syntax"
    assert repr(text) in refused.value.message
    assert "ulp=4" in refused.value.hint


@given(st.text(alphabet="rtolaup=1e-5.,;:*float32bitwise ", max_size=25))
@settings(max_examples=200)
def test_any_text_is_a_tolerance_or_a_usage_error(text: str) -> None:
    try:
        tolerances = parse_tolerance(text)
    except UsageError:
        return
    assert all(min(t.rtol, t.atol, t.ulp) >= 0 for t in tolerances.values())
    assert "*" in tolerances
