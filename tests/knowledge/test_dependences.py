"""What may depend on a variation: only what documentation says is expected."""

from __future__ import annotations

import pytest

from reproaudit.knowledge.dependences import judge_dependence, list_expectations
from reproaudit.knowledge.op_families import (
    is_batch_norm,
    is_draw,
    is_function_of_elements,
    is_sum,
    is_sum_within_rows,
)
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.knowledge.vary_rules import VARY_RULES, find_rule_of_dependence
from reproaudit.model.cause import Cause
from reproaudit.model.question import Dependence

EXPECTED, BUG, UNEXPLAINED = Dependence.EXPECTED, Dependence.BUG, Dependence.UNEXPLAINED


@pytest.mark.parametrize(
    ("variation", "op", "origin", "cause", "wanted"),
    [
        ("threads", "aten::mm.default", "op", Cause.THREAD_COUNT, EXPECTED),
        ("threads", "aten::native_layer_norm", "op", Cause.THREAD_COUNT, EXPECTED),
        ("threads", "aten::gather", "op", Cause.THREAD_COUNT, UNEXPLAINED),
        ("threads", "aten::mm.default", "birth", Cause.UNKNOWN, UNEXPLAINED),
        ("threads", "aten::randn", "random", Cause.RNG_ORDER, UNEXPLAINED),
        ("cpu", "aten::randn", "op", Cause.HARDWARE, EXPECTED),
        ("cpu", "aten::sort", "op", Cause.HARDWARE, UNEXPLAINED),
        ("mkldnn", "aten::max_pool2d_with_indices", "op", Cause.KERNEL, UNEXPLAINED),
        ("mkldnn", None, "structure", Cause.KERNEL, EXPECTED),
        ("compile", "aten::bernoulli_", "random", Cause.RNG_ORDER, EXPECTED),
        ("cpu.onednn", "aten::convolution", "op", Cause.HARDWARE, EXPECTED),
        ("mkldnn", "aten::convolution", "op", Cause.KERNEL, EXPECTED),
        ("bucket_size", "c10d::allreduce_", "reduction", Cause.COLLECTIVE_ORDER, EXPECTED),
        ("workers", None, "birth", Cause.WORKER_SEED, EXPECTED),
        ("workers", None, "birth", Cause.DATA_ORDER, BUG),
        ("workers", None, "birth", Cause.UNKNOWN, UNEXPLAINED),
        ("hash_seed", "aten::embedding", "op", Cause.HASH_ORDER, BUG),
        ("memory", "aten::add.Tensor", "undefined", Cause.UNINITIALIZED_MEMORY, BUG),
        ("load", "aten::stack", "input", Cause.DATA_ORDER, BUG),
        ("batch", "aten::addmm", "op", Cause.KERNEL, EXPECTED),
        ("env.EVAL_BATCH", "aten::addmm", "op", Cause.KERNEL, EXPECTED),
        ("env.VALIDATE", "aten::randperm", "random", Cause.RNG_ORDER, BUG),
        ("arg.--lr", None, "input", Cause.UNKNOWN, UNEXPLAINED),
    ],
)
def test_a_dependence_is_judged_by_what_is_varied_and_how_the_difference_is_born(
    variation: str, op: str | None, origin: str, cause: Cause, wanted: Dependence
) -> None:
    dependence, why, reference = judge_dependence(variation, op=op, origin=origin, cause=cause)
    assert dependence is wanted
    assert why
    assert not why.endswith(".")
    if wanted is EXPECTED:
        assert reference


@pytest.mark.parametrize("name", VARIATIONS)
def test_what_is_expected_is_documented(name: str) -> None:
    for row in list_expectations(name):
        assert row.reference or row.dependence is not EXPECTED


@pytest.mark.parametrize(
    "op",
    [
        "aten::mm.default",
        "aten::addmm",
        "aten::sum.dim_IntList",
        "aten::_softmax",
        "aten::convolution_backward",
        "aten::scatter_add_",
        "aten::max_pool2d_with_indices_backward",
        "aten::upsample_bilinear2d",
        "aten::affine_grid_generator",
        "aten::linalg_solve_ex",
        "aten::_fft_r2c",
        "aten::_sparse_mm",
        "aten::embedding_dense_backward",
        "aten::mkldnn_rnn_layer",
        "aten::_scaled_dot_product_flash_attention_for_cpu",
        "aten::dot",
    ],
)
def test_an_operator_that_adds_up_is_a_sum(op: str) -> None:
    assert is_sum(op)


@pytest.mark.parametrize(
    "op",
    [
        "aten::cat",
        "aten::copy_",
        "aten::relu",
        "aten::mul.Tensor",
        "aten::max_pool2d_with_indices",
        "aten::adaptive_max_pool2d",
        "aten::fractional_max_pool2d",
        "aten::max_unpool2d",
        "aten::bucketize.Tensor",
        "aten::histc",
        "aten::put_",
        "aten::index_put_",
        "aten::embedding_sparse_backward",
        "aten::upsample_nearest2d",
        "aten::linalg_diagonal",
        "aten::linalg_cross",
        "aten::outer",
        "aten::lu_unpack",
        "aten::to_mkldnn",
        "aten::_mkldnn_transpose",
        "aten::fft_fftshift",
        "aten::_foreach_copy_",
        "aten::_foreach_mul_",
        "aten::special_round",
        "quantized::conv2d_prepack",
        "c10d::allreduce_",
    ],
)
def test_what_moves_or_rounds_exactly_may_depend_on_no_kernel(op: str) -> None:
    assert not is_sum(op)
    assert not is_function_of_elements(op)
    assert not is_draw(op)


def test_no_view_is_a_sum() -> None:
    import torch

    schemas = torch._C._jit_get_all_schemas()
    views = {
        schema.name
        for schema in schemas
        if schema.name.startswith("aten::") and any(one.alias_info for one in schema.returns)
        if not any(one.alias_info.is_write for one in schema.arguments if one.alias_info)
    }
    assert "aten::transpose" in views
    found = {op for op in views if is_sum(op) or is_function_of_elements(op) or is_draw(op)}
    assert found == {"aten::coalesce"}  # the tensor itself if there is nothing to add up


@pytest.mark.parametrize(
    ("variation", "is_gradient", "wanted"),
    [
        ("threads", True, EXPECTED),
        ("threads", False, UNEXPLAINED),
        ("batch", True, EXPECTED),
        ("batch", False, UNEXPLAINED),
    ],
)
def test_what_puts_elements_adds_up_as_the_gradient_of_an_index_alone(
    variation: str, is_gradient: bool, wanted: Dependence
) -> None:
    dependence, _, _ = judge_dependence(
        variation,
        op="aten::index_put_",
        origin="op",
        cause=Cause.KERNEL,
        is_gradient=is_gradient,
    )
    assert dependence is wanted


@pytest.mark.parametrize("variation", ["batch", "place", "padding"])
@pytest.mark.parametrize(
    ("op", "wanted"),
    [
        ("aten::native_batch_norm", UNEXPLAINED),
        ("aten::max_pool2d_with_indices", UNEXPLAINED),
        ("aten::add.Tensor", UNEXPLAINED),
        ("aten::pow.Tensor_Scalar", UNEXPLAINED),
        ("aten::native_layer_norm", EXPECTED),
        ("aten::gelu", EXPECTED),
    ],
)
def test_rows_are_rounded_by_their_batch_where_nothing_but_the_kernel_can_change(
    variation: str, op: str, wanted: Dependence
) -> None:
    dependence, _, _ = judge_dependence(variation, op=op, origin="op", cause=Cause.KERNEL)
    assert dependence is wanted


def test_a_batch_norm_that_reads_kept_averages_sums_no_rows() -> None:
    assert is_batch_norm("aten::native_batch_norm")
    assert not is_batch_norm("aten::_native_batch_norm_legit_no_training")
    assert is_sum("aten::native_batch_norm")
    assert not is_sum_within_rows("aten::native_batch_norm")


def test_functions_and_draws_are_told_apart() -> None:
    assert is_function_of_elements("aten::exp")
    assert not is_sum("aten::exp")
    assert is_draw("aten::normal_")
    assert not is_draw("aten::norm")


@pytest.mark.parametrize(
    ("variation", "dependence", "cause", "rule"),
    [
        ("mkldnn", EXPECTED, Cause.KERNEL, "RA601"),
        ("threads", EXPECTED, Cause.THREAD_COUNT, None),
        ("locales", BUG, Cause.UNKNOWN, "RA602"),
        ("timezone", BUG, Cause.CLOCK, "RA600"),
        ("timezone", BUG, Cause.HASH_ORDER, None),
        ("time", BUG, Cause.CLOCK, None),
        ("home", BUG, Cause.CARRIED_STATE, None),
        ("workers", UNEXPLAINED, Cause.UNKNOWN, "RA603"),
        ("memory", BUG, Cause.UNINITIALIZED_MEMORY, None),
    ],
)
def test_a_rule_of_its_own_is_taken_where_that_of_the_cause_speaks_of_something_else(
    variation: str, dependence: Dependence, cause: Cause, rule: str | None
) -> None:
    found = find_rule_of_dependence(variation, dependence, cause)
    assert (None if found is None else found.id) == rule


def test_rules_of_variations_have_ids_of_their_own() -> None:
    ids = [rule.id for rule in VARY_RULES]
    assert ids == sorted(set(ids))
    assert all(name.startswith("RA60") for name in ids)
