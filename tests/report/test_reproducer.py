"""The stand-alone script: it shows the difference without us, rebuilds the inputs exactly, and
cannot be hijacked."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from reproaudit.errors import TraceError, UsageError
from reproaudit.model.cause import Cause
from reproaudit.model.difference import Difference
from reproaudit.model.events import Location, Phase
from reproaudit.model.result import (
    Evidence,
    Finding,
    Replays,
)
from reproaudit.record.operation.call import save_call
from reproaudit.report.reproducer import SCRIPT_FILE, write_reproducer, write_reproducer_anyhow
from reproaudit.trace.words import CALL_FILE, INPUTS_FILE

aten = torch.ops.aten
FINDING = Finding(
    rule="RA401",
    cause=Cause.KERNEL,
    title="",
    phase=Phase.BACKWARD,
    step=3,
    op="aten::index_put_",
    module="emb",
    location=Location("train.py", 41, "forward"),
    evidence=Evidence(
        observed=True,
        replayed=True,
        declared=False,
        switched=True,
        replays=Replays(20, 12, 0.36, 0.81),
    ),
    difference=Difference(
        elements=9600, differing=421, max_ulp=4, max_abs=1e-07, first_index=(2, 10)
    ),
)
ENVIRONMENT = {"torch": "2.9", "cpu cores": "2"}


def written(
    folder: Path,
    op: Any,
    args: Any,
    kwargs: Mapping[str, Any] | None = None,
    *,
    finding: Finding = FINDING,
    threads: int | None = None,
) -> Path:
    save_call(folder / "call", op, args, kwargs or {})
    return write_reproducer(
        folder / "call",
        folder / "repro",
        finding=finding,
        environment=ENVIRONMENT,
        threads=threads,
        repeats=5,
    )


def script_of(folder: Path) -> str:
    return (folder / "reproduce.py").read_text(encoding="utf-8")


def results_of(folder: Path) -> Any:
    """Return what one call of the script gives, in this process: the script is a module like any
    other."""
    space: dict[str, Any] = {"__name__": "reproduce", "__file__": str(folder / "reproduce.py")}
    exec(compile(script_of(folder), "reproduce.py", "exec"), space)
    operator = getattr(getattr(aten, space["OP"].partition("::")[2]), space["OVERLOAD"])
    storages = space["load_file"](folder / INPUTS_FILE)
    return space, operator, storages


def called(folder: Path) -> dict[str, torch.Tensor]:
    space, operator, storages = results_of(folder)
    return dict(space["call"](operator, storages))


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the script where reproaudit cannot be found: isolated from the environment and from this
    folder."""
    return subprocess.run(
        [sys.executable, "-I", str(folder / "reproduce.py"), *options],
        cwd=folder.parent,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def racing_call() -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor, bool]:
    """Arguments of index_put_ whose sums depend on which thread comes first: enough elements for
    the parallel path.

    With eight threads all of fifty calls gave results of their own, also on one core.
    """
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 300, (6000,), generator=generator)
    return torch.zeros(300, 32), [rows], torch.randn(6000, 32, generator=generator), True


@pytest.mark.slow
def test_an_operator_that_races_gives_more_than_one_result_and_exit_code_1(tmp_path: Path) -> None:
    done = run(
        written(tmp_path, aten.index_put_.default, racing_call(), threads=8), "--repeats", "100"
    )
    assert done.returncode == 1, done.stderr
    assert "distinct results" in done.stdout
    assert "of 9,600 elements differ, first [" in done.stdout
    assert "ULP" in done.stdout
    assert "threads: 8\n" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [("--deterministic",), ("--threads", "1")], ids=["deterministic", "one thread"]
)
def test_the_same_operator_repaired_gives_one_result_and_exit_code_0(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = run(written(tmp_path, aten.index_put_.default, racing_call(), threads=8), *options)
    assert done.returncode == 0, done.stderr
    assert "all results are equal" in done.stdout


@pytest.mark.slow
def test_an_operator_that_torch_does_not_have_gives_exit_code_2(tmp_path: Path) -> None:
    folder = written(tmp_path, aten.neg.default, (torch.ones(1),))
    text = script_of(folder).replace("aten::neg", "nobody::has_this")
    (folder / "reproduce.py").write_text(text, encoding="utf-8")
    done = run(folder)
    assert done.returncode == 2
    assert "nobody::has_this.default could not be called" in done.stderr


@pytest.mark.slow
def test_one_call_is_no_comparison(tmp_path: Path) -> None:
    assert (
        run(written(tmp_path, aten.neg.default, (torch.ones(1),)), "--repeats", "1").returncode == 2
    )


def test_the_script_needs_nothing_but_torch_and_safetensors(tmp_path: Path) -> None:
    tree = ast.parse(script_of(written(tmp_path, aten.neg.default, (torch.ones(1),))))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} - sys.stdlib_module_names == {
        "torch",
        "safetensors",
    }


BASE = torch.arange(24.0)
CASES = {
    "transposed": (BASE.reshape(4, 6).t(),),
    "strided with an offset": (BASE[5::3],),
    "overlapping": (BASE.as_strided((5, 4), (2, 1), 3),),
    "expanded": (BASE[:3].expand(4, 3),),
    "scalar": (torch.tensor(2.5),),
    "empty": (torch.ones(0, 3),),
    "bfloat16": (BASE.bfloat16()[1:],),
    "complex": (torch.complex(BASE, -BASE),),
    "NaN payload": (
        torch.tensor([0x7FC00001, 0x7F800000, -0x80000000], dtype=torch.int64)
        .int()
        .view(torch.float32),
    ),
}


@pytest.mark.parametrize("args", CASES.values(), ids=CASES)
def test_an_input_is_rebuilt_bit_for_bit_with_its_strides(
    tmp_path: Path, args: tuple[torch.Tensor]
) -> None:
    space, _, storages = results_of(written(tmp_path, aten.neg.default, args))
    (wanted,), (rebuilt,) = args, space["fresh_tensors"](storages)
    assert (rebuilt.dtype, rebuilt.shape, rebuilt.stride()) == (
        wanted.dtype,
        wanted.shape,
        wanted.stride(),
    )
    assert space["digest"]([("", rebuilt.contiguous())]) == space["digest"](
        [("", wanted.contiguous())]
    )


def test_views_of_one_memory_are_rebuilt_on_one_memory(tmp_path: Path) -> None:
    base = torch.arange(10.0)
    space, _, storages = results_of(written(tmp_path, aten.add_.Tensor, (base[2:8], base[4:10])))
    first, second = space["fresh_tensors"](storages)
    first.fill_(-1.0)
    assert second.tolist() == [-1.0, -1.0, -1.0, -1.0, 8.0, 9.0]


def test_conjugate_and_negative_views_come_back_as_such(tmp_path: Path) -> None:
    complex_one = torch.tensor([1 + 2j, 3 - 4j])
    space, _, storages = results_of(
        written(tmp_path, aten.add.Tensor, (complex_one.conj(), complex_one.conj().imag))
    )
    conjugate, negative = space["fresh_tensors"](storages)
    assert conjugate.is_conj()
    assert negative.is_neg()
    assert conjugate.tolist() == [1 - 2j, 3 + 4j]
    assert negative.tolist() == [-2.0, 4.0]


def test_every_call_starts_from_fresh_inputs(tmp_path: Path) -> None:
    folder = written(tmp_path, aten.add_.Tensor, (torch.ones(3), torch.ones(3)))
    space, operator, storages = results_of(folder)
    results = [dict(space["call"](operator, storages))["output 0"].tolist() for _ in range(3)]
    assert results == [[2.0, 2.0, 2.0]] * 3


def test_what_the_operator_writes_into_is_part_of_its_result(tmp_path: Path) -> None:
    results = called(
        written(tmp_path, aten._foreach_add_.Scalar, ([torch.ones(2), torch.zeros(2)], 1))
    )
    assert {name: tensor.tolist() for name, tensor in results.items()} == {
        "tensor 0 after the call": [2.0, 2.0],
        "tensor 1 after the call": [1.0, 1.0],
    }


def test_outputs_of_undefined_memory_are_no_part_of_it(tmp_path: Path) -> None:
    arguments = torch.ones(4, 2), torch.tensor([0, 1]), torch.tensor([0])
    assert list(called(written(tmp_path, aten._embedding_bag.default, arguments))) == ["output 0"]


def test_arguments_that_json_has_no_word_for_arrive(tmp_path: Path) -> None:
    kwargs = {
        "dtype": torch.float64,
        "device": torch.device("cpu"),
        "layout": torch.strided,
        "pin_memory": False,
    }
    results = called(written(tmp_path, aten.full.default, ([2], float("-inf")), kwargs))
    assert results["output 0"].dtype == torch.float64
    assert results["output 0"].tolist() == [float("-inf")] * 2


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (
            [1.0, 2.0],
            [1.0, 2.0000002384185791],
            "first [1]: 2.0 and 2.000000238418579\nat most 2.38e-07 apart, 1 ULP",
        ),
        ([-0.0, 1.0], [0.0, 1.0], "first [0]: -0.0 and 0.0\nat most 0 apart, 0 ULP"),
        ([-1e-45], [1e-45], "at most 2.8e-45 apart, 2 ULP"),
        ([float("nan")], [1.0], "1 of 1 elements differ, first [0]: nan and 1.0"),
    ],
)
def test_the_distance_of_two_results_is_counted_in_ulps(
    tmp_path: Path, one: list[float], other: list[float], said: str
) -> None:
    space, _, _ = results_of(written(tmp_path, aten.neg.default, (torch.ones(1),)))
    text = space["describe_difference"](
        [("output 0", torch.tensor(one))], [("output 0", torch.tensor(other))]
    )
    assert text.endswith(said)


def test_numbers_too_far_apart_to_be_counted_do_not_wrap_around(tmp_path: Path) -> None:
    space, _, _ = results_of(written(tmp_path, aten.neg.default, (torch.ones(1),)))
    a, b = torch.tensor([1e300], dtype=torch.float64), torch.tensor([-1e300], dtype=torch.float64)
    assert f"{2**63 - 1:,} ULP" in space["describe_difference"](
        [("output 0", a)], [("output 0", b)]
    )


def test_the_text_for_an_issue_says_what_where_and_with_what(tmp_path: Path) -> None:
    text = (written(tmp_path, aten.index_put_.default, racing_call()) / "README.md").read_text(
        encoding="utf-8"
    )
    for said in (
        "# `aten::index_put_` returns different results for equal inputs",
        "`train.py:41 in forward, module emb, backward pass of step 3`",
        "- tensor 2: `float32[6000, 32] on cpu, strides [32, 1]`",
        "12 of 20 calls gave another result",
        "421 of 9,600 elements differ",
        "`torch.use_deterministic_algorithms(True)` does not refuse it",
        "| cpu cores | 2 |",
        "python reproduce.py",
    ):
        assert said in text


def test_a_reproducer_is_written_over_an_older_one_and_leaves_no_other_file(tmp_path: Path) -> None:
    written(tmp_path, aten.neg.default, (torch.ones(1),))
    folder = written(tmp_path, aten.abs.default, (torch.ones(2),))
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "inputs.safetensors",
        "reproduce.py",
    ]
    assert 'OP = "aten::abs"' in script_of(folder)


HOSTILE = 'x"""\nimport antigravity\n`|\u202e'


def test_foreign_text_becomes_neither_code_nor_markup(tmp_path: Path) -> None:
    finding = replace(FINDING, module=HOSTILE, location=Location(HOSTILE, 1, HOSTILE))
    save_call(tmp_path / "call", aten.neg.default, (torch.ones(1),), {})
    path = tmp_path / "call" / CALL_FILE
    call = json.loads(path.read_text()) | {"kwargs": {HOSTILE: HOSTILE}}
    call["tensors"][0]["dtype"] = HOSTILE
    path.write_text(json.dumps(call))
    folder = write_reproducer(
        tmp_path / "call",
        tmp_path / "repro",
        finding=finding,
        environment={HOSTILE: HOSTILE},
        threads=None,
    )
    tree = ast.parse(script_of(folder))
    assert not any(
        alias.name == "antigravity"
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    )
    (kwargs,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "KWARGS"
    ]
    assert ast.literal_eval(kwargs) == {HOSTILE: HOSTILE}
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "\u202e" not in readme
    assert "\nimport os" not in readme


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"op": "aten::neg; import os"}, "trace-corrupt"),
        ({"op": None}, "trace-corrupt"),
        ({"overload": "a.b"}, "trace-corrupt"),
        ({"args": {}}, "trace-corrupt"),
        ({"tensors": [1]}, "trace-corrupt"),
        ({"format": 99}, "trace-version"),
    ],
)
def test_a_call_that_is_damaged_is_refused(
    tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    save_call(tmp_path / "call", aten.neg.default, (torch.ones(1),), {})
    path = tmp_path / "call" / CALL_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(TraceError) as raised:
        write_reproducer(
            tmp_path / "call", tmp_path / "repro", finding=FINDING, environment={}, threads=None
        )
    assert raised.value.code == code
    assert not (tmp_path / "repro").exists()


def test_a_call_nested_without_end_is_refused(tmp_path: Path) -> None:
    save_call(tmp_path / "call", aten.neg.default, (torch.ones(1),), {})
    path = tmp_path / "call" / CALL_FILE
    deep = "[" * 5000 + "]" * 5000
    path.write_text(path.read_text().replace('"kwargs":{}', f'"kwargs":{{"a":{deep}}}'))
    with pytest.raises(TraceError, match="nested too deeply"):
        write_reproducer(
            tmp_path / "call", tmp_path / "repro", finding=FINDING, environment={}, threads=None
        )


def test_a_call_that_nobody_saved_is_told_as_missing(tmp_path: Path) -> None:
    with pytest.raises(TraceError) as raised:
        write_reproducer(
            tmp_path, tmp_path / "repro", finding=FINDING, environment={}, threads=None
        )
    assert raised.value.code == "trace-missing"


def test_a_folder_that_cannot_be_made_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "repro").write_text("a file")
    with pytest.raises(UsageError, match="cannot write the reproducer"):
        written(tmp_path, aten.neg.default, (torch.ones(1),))


def test_a_reproducer_that_cannot_be_written_is_made_elsewhere_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    save_call(tmp_path / "call", aten.neg.default, (torch.ones(1),), {})
    (tmp_path / "repro").write_text("a file")
    folder, fault = write_reproducer_anyhow(
        tmp_path / "call", tmp_path / "repro", finding=FINDING, environment={}, threads=None
    )
    assert (Path(folder) / SCRIPT_FILE).exists()
    assert fault.endswith(f"File exists; it is in {folder}")
    assert write_reproducer_anyhow(
        tmp_path / "none", tmp_path / "new", finding=FINDING, environment={}, threads=None
    ) == ("", f"cannot read {str(tmp_path / 'none' / CALL_FILE)!r}: there is no such file")
