"""Which tensors a pattern names, and which of several tolerances counts."""

from __future__ import annotations

import pytest

from reproaudit.config.tolerance import TensorPattern, Tolerances
from reproaudit.config.tolerance_options import parse_tolerances
from reproaudit.errors import UsageError
from reproaudit.model.events import EventKind
from reproaudit.model.result import Tolerance

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
