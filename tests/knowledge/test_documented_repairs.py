"""What is documented not to repair a kernel on a GPU, by operator, flag and version."""

from __future__ import annotations

import pytest

from reproaudit.knowledge.documented_repairs import find_denial, write_strict_lines
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.model.flag_use import FlagMode

EFFICIENT = "aten::_scaled_dot_product_efficient_attention_backward"
FLAG = "kernels.deterministic"
UNASKED: bool | None = None


def is_denied(
    op: str,
    name: str = FLAG,
    *,
    flag: FlagMode = FlagMode.STRICT,
    is_refused: bool | None = UNASKED,
    torch: str = "2.13.0+cu130",
) -> bool:
    return find_denial(op, name, flag=flag, is_refused=is_refused, torch=torch) is not None


def test_a_flag_that_warns_leaves_fused_attention_and_a_strict_one_does_not() -> None:
    assert is_denied(EFFICIENT, flag=FlagMode.WARN)
    assert is_denied("aten::_flash_attention_backward", flag=FlagMode.WARN)
    assert not is_denied(EFFICIENT, flag=FlagMode.STRICT)
    assert not is_denied(EFFICIENT, flag=FlagMode.UNLESS_REFUSED)


def test_what_the_flag_refuses_it_does_not_repair() -> None:
    assert is_denied("aten::grid_sampler_2d_backward")
    assert is_denied("aten::histc")
    assert is_denied("aten::bincount", is_refused=True)
    assert not is_denied("aten::scatter_add_")


def test_what_the_flag_itself_said_of_the_call_comes_before_the_list() -> None:
    assert not is_denied("aten::histc", is_refused=False)
    assert is_denied("aten::scatter_reduce", is_refused=True)


@pytest.mark.parametrize(
    ("torch", "denied"),
    [
        ("2.13.0+cu130", True),
        ("2.14.0", True),
        ("2.14.1", False),
        ("2.15.0a0+git1", False),
        ("", True),
    ],
)
def test_a_sum_over_prefixes_has_an_order_under_the_flag_from_a_version_on(
    torch: str, denied: bool
) -> None:
    assert is_denied("aten::cumsum", torch=torch) is denied


def test_what_acts_on_another_part_of_the_gpu_is_denied() -> None:
    assert is_denied("aten::scatter_add", "threads.one")
    assert is_denied("aten::scatter_add", "cudnn.deterministic")
    assert is_denied("aten::scatter_add", "sdpa.math")
    assert not is_denied("aten::convolution_backward", "cudnn.deterministic")
    assert not is_denied("aten::mm", "cublas.workspace")
    assert not is_denied(EFFICIENT, "sdpa.math")
    # Of an operator that nothing is known of nothing is denied.
    assert not is_denied("mine::scan", "cudnn.deterministic")


@pytest.mark.parametrize("name", [name for name, entry in INTERVENTIONS.items() if entry.clues])
def test_what_changes_the_inputs_or_the_device_of_an_operator_is_never_denied(name: str) -> None:
    part = INTERVENTIONS[name].acts_on
    if not part.is_inside_operators or name == "kernels.cpu":
        assert not is_denied("aten::scatter_add", name)
    else:
        assert name in ("threads.one",)


def test_how_to_be_strict_beside_what_raises_is_written_for_products_and_for_others() -> None:
    lines = write_strict_lines(("aten::mm", "aten::put_"))
    assert lines[0].startswith("torch.use_deterministic_algorithms(True)  #")
    assert lines[1] == "# start with CUBLAS_WORKSPACE_CONFIG=:4096:8, or it raises at aten::mm"
    assert lines[2] == "# around what calls aten::put_, which it refuses:"
    assert lines[3] == "torch.use_deterministic_algorithms(True, warn_only=True)"
    assert len(write_strict_lines(())) == 1
