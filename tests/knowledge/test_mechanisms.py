"""The table of mechanisms: names that operators have, sentences, sources; and what it changes about
a diagnosis."""

from __future__ import annotations

import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Origin, Source, localise
from reproaudit.diagnose.candidates import find_candidates
from reproaudit.diagnose.sources import Explanation, explain_sources
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.mechanisms import (
    MECHANISMS,
    Mechanism,
    find_mechanism,
    is_summed_by_compiler,
)
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventKind, Phase
from reproaudit.model.result import Evidence, Finding
from reproaudit.trace.runs import MAIN_PROCESS, Run
from tests.comparison.traces import Row, make_run


@pytest.mark.parametrize("entry", MECHANISMS, ids=lambda entry: entry.id)
def test_an_entry_says_why_in_a_sentence_what_to_try_and_where_it_is_written(
    entry: Mechanism,
) -> None:
    assert 40 <= len(entry.why) <= 120
    assert entry.why[0].islower() or entry.why.startswith("cuDNN")
    assert not entry.why.endswith(".")
    assert entry.references
    assert all(Cause.KERNEL in INTERVENTIONS[name].causes for name in entry.interventions)


@pytest.fixture(scope="module")
def operators() -> frozenset[str]:
    """The names of all operators of this torch, asked for in another process: this one needs none
    of them."""
    program = "import torch; print(*torch._C._dispatch_get_all_op_names())"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True
    )
    names = (name.partition("::")[2].partition(".")[0] for name in done.stdout.split())
    return frozenset(name.removesuffix("_") for name in names)


@pytest.mark.parametrize("name", [name for entry in MECHANISMS for name in entry.ops])
def test_every_name_in_the_table_is_that_of_an_operator(
    operators: frozenset[str], name: str
) -> None:
    assert any(fnmatchcase(operator, name) for operator in operators)


@pytest.mark.parametrize(
    ("op", "mechanism"),
    [
        ("aten::index_put_.default", "index-put"),
        ("aten::scatter_add", "atomic-add"),
        ("aten::scatter.src", "last-writer"),
        ("aten::upsample_bilinear2d_backward.default", "interpolation-backward"),
        ("aten::_adaptive_avg_pool2d_backward.default", "pooling-backward"),
        ("aten::grid_sampler_2d_backward.default", "grid-sample-backward"),
        ("aten::_ctc_loss_backward.default", "ctc"),
        ("aten::_embedding_bag_dense_backward.default", "embedding-bag-backward"),
        ("aten::cumsum.default", "scan"),
        ("aten::bincount.default", "histogram"),
        ("aten::convolution_backward.default", "convolution"),
        ("aten::_scaled_dot_product_efficient_attention_backward.default", "attention-backward"),
        ("aten::_scaled_dot_product_flash_attention_backward.default", "attention-backward"),
        ("aten::_cudnn_rnn_backward.default", "rnn"),
        ("aten::addmm.default", "matrix-product"),
        ("aten::mm", "matrix-product"),
    ],
)
def test_an_operator_is_known_by_the_name_that_a_trace_or_a_report_gives_it(
    op: str, mechanism: str
) -> None:
    found = find_mechanism(op)
    assert found is not None
    assert found.id == mechanism


@pytest.mark.parametrize(
    "op", [None, "aten::relu.default", "aten::mul_.Tensor", "aten::_softmax.default"]
)
def test_an_operator_that_adds_in_a_fixed_order_has_no_mechanism(op: str | None) -> None:
    assert find_mechanism(op) is None


@pytest.mark.parametrize(
    ("op", "is_summed"),
    [
        ("aten::index_add_.default", True),
        ("aten::embedding_dense_backward", True),
        ("aten::upsample_bilinear2d_backward.default", True),
        ("aten::embedding.default", False),
        ("aten::index.Tensor", False),
        ("aten::scatter.src", False),
    ],
)
def test_operators_that_the_compiler_sums_by_atomic_operations(op: str, is_summed: bool) -> None:
    assert is_summed_by_compiler(op) is is_summed


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Run, Run]:
    rows = [Row("aten::mm.default", 1)]
    return make_run(tmp_path, 0, rows), make_run(tmp_path, 1, rows)


def choices(
    pair: tuple[Run, Run], op: str, *, cuda: bool = True, **evidence: bool
) -> tuple[str, ...]:
    finding = Finding("", Cause.KERNEL, "", Phase.BACKWARD, 0, op=op, evidence=Evidence(**evidence))
    return find_candidates(
        Explanation(finding, Source(Origin.OP, MAIN_PROCESS, 0, 0, 0.0)), pair, cuda=cuda
    )


def test_on_a_gpu_the_mechanism_names_what_is_tried_first(pair: tuple[Run, Run]) -> None:
    assert choices(pair, "aten::mm")[:2] == ("cublas.workspace", "streams.serial")
    assert choices(pair, "aten::_scaled_dot_product_efficient_attention_backward")[0] == "sdpa.math"
    assert choices(pair, "aten::index_add_")[0] == "kernels.deterministic"
    assert choices(pair, "aten::convolution_backward")[:2] == (
        "cudnn.benchmark_off",
        "cudnn.deterministic",
    )


def test_an_algorithm_that_differs_when_it_is_repeated_was_not_chosen_by_timing(
    pair: tuple[Run, Run],
) -> None:
    assert choices(pair, "aten::convolution_backward", replayed=True)[0] == "cudnn.deterministic"


def test_what_the_flag_was_seen_not_to_repair_comes_after_what_else_the_mechanism_names(
    pair: tuple[Run, Run],
) -> None:
    found = choices(pair, "aten::addmm", switched=False)
    assert found[:4] == (
        "cublas.workspace",
        "streams.serial",
        "kernels.deterministic",
        "threads.one",
    )
    assert choices(pair, "aten::relu", switched=False)[:2] == (
        "threads.one",
        "kernels.deterministic",
    )


def test_what_refuses_the_flag_is_computed_on_the_cpu_next(pair: tuple[Run, Run]) -> None:
    found = choices(pair, "aten::grid_sampler_2d_backward", switched=False, declared=True)
    assert found[:2] == ("kernels.deterministic", "kernels.cpu")
    assert "kernels.cpu" in choices(pair, "aten::grid_sampler_2d_backward")
    assert "kernels.cpu" not in choices(
        pair, "aten::put_", cuda=False, switched=False, declared=True
    )


def test_without_a_gpu_the_order_is_what_it_was(pair: tuple[Run, Run]) -> None:
    # The program compiles nothing: there is nothing to switch off.
    assert choices(pair, "aten::mm", cuda=False) == ("kernels.deterministic", "threads.one")
    assert choices(pair, "aten::mm", cuda=False, switched=False)[:2] == (
        "threads.one",
        "kernels.deterministic",
    )


def explained(folder: Path, environment: dict[str, str]) -> Finding:
    def rows(content: int) -> list[Row]:
        return [
            Row("aten::index_add_.default", content, 1),
            Row("weight", content, kind=EventKind.GRADIENT),
        ]

    runs = make_run(folder, 0, rows(10)), make_run(folder, 1, rows(20))
    runs[0].main.header["environment"].update(environment)
    (only,) = explain_sources(localise(*runs, Interned()).sources, runs, [])
    return only.finding


def test_a_difference_that_was_seen_on_a_gpu_is_explained_by_its_mechanism(tmp_path: Path) -> None:
    finding = explained(tmp_path, {"gpu": "a device"})
    why = next(entry.why for entry in MECHANISMS if entry.id == "atomic-add")
    assert finding.cause is Cause.KERNEL
    assert finding.evidence.notes == (f"on a GPU {why}",)


def test_a_difference_without_a_gpu_in_use_is_not(tmp_path: Path) -> None:
    assert explained(tmp_path, {}).evidence.notes == ()
