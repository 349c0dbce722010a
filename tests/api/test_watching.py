"""A loop that is watched is recorded, computes what it computes otherwise, and goes on."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import reproaudit
from reproaudit.model.events import EventKind, OutcomeKind, Phase
from reproaudit.trace.reader import Trace

pytestmark = pytest.mark.seeded

Loop = Callable[[int], torch.Tensor]
Pair = tuple[torch.nn.Module, torch.optim.Optimizer]


def make_model(seed: int = 0) -> Pair:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, steps: int = 3) -> None:
    for step in range(steps):
        optimizer.zero_grad()
        loss = model(torch.full((3, 4), float(step + 1))).square().sum()
        loss.backward()
        optimizer.step()


def noisy(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for _ in range(3):
        optimizer.zero_grad()
        noise = torch.rand(3, 4)
        model(noise).square().sum().backward()
        optimizer.step()


def test_two_equal_loops_are_equal_bit_for_bit() -> None:
    watches = []
    for _ in range(2):
        model, optimizer = make_model()
        with reproaudit.watch(model, optimizer) as watch:
            train(model, optimizer)
        watches.append(watch)
    result = reproaudit.compare(*watches)
    assert result.verdict == "reproducible"
    assert (result.steps, watches[0].steps) == (3, 3)
    assert dict(result.compared)["parameter"] == 3 * 4


def test_the_line_that_drew_other_numbers_is_named() -> None:
    watches = []
    for _ in range(2):
        model, optimizer = make_model()
        with reproaudit.watch(model, optimizer) as watch:
            noisy(model, optimizer)
        watches.append(watch)
    result = reproaudit.compare(*watches)
    assert result.verdict == "not-reproducible"
    location = result.findings[0].location
    assert location is not None
    source = Path(__file__).read_text().splitlines()
    assert "torch.rand(3, 4)" in source[location.line - 1]
    assert location.path.endswith("test_watching.py")


@pytest.mark.parametrize("level", ["boundary", "operation"])
def test_loops_that_began_with_other_weights_are_told_by_their_first_parameter(level: str) -> None:
    watches = []
    for seed in (0, 1):
        model, optimizer = make_model(seed)
        with reproaudit.watch(model, optimizer, level=level) as watch:
            train(model, optimizer)
        watches.append(watch)
    result = reproaudit.compare(*watches)
    assert result.verdict == "not-reproducible"
    (finding,) = result.findings
    assert (finding.phase, finding.module, finding.op) == (Phase.INITIALISATION, "0", None)
    # What made them lies before the block: nobody saw it.
    assert finding.cause == "unknown"
    (note,) = finding.evidence.notes
    said = "4 of 4 parameters and buffers differ before the first step, first 0.weight"
    assert note.startswith(said)
    assert "initialisation" in result.headline


def test_another_beginning_does_not_hide_a_line_that_draws_other_numbers() -> None:
    watches = []
    for seed in (0, 1):
        model, optimizer = make_model(seed)
        with reproaudit.watch(model, optimizer) as watch:
            noisy(model, optimizer)
        watches.append(watch)
    beginning, draw, *_ = reproaudit.compare(*watches).findings
    assert beginning.phase is Phase.INITIALISATION
    assert draw.location is not None
    source = Path(__file__).read_text().splitlines()
    assert "torch.rand(3, 4)" in source[draw.location.line - 1]


def test_a_model_that_was_trained_before_says_so_in_its_first_tensors() -> None:
    model, optimizer = make_model()
    watches = []
    for _ in range(2):
        with reproaudit.watch(model, optimizer, level="boundary") as watch:
            train(model, optimizer)
        watches.append(watch)
    result = reproaudit.compare(*watches)
    assert result.verdict == "not-reproducible"
    first = result.first_divergence
    assert first is not None
    assert (first.step, first.kind) == (0, EventKind.OUTPUT)


def test_watching_changes_no_result_and_draws_no_number() -> None:
    plain, optimizer = make_model()
    noisy(plain, optimizer)
    drawn = torch.get_rng_state()
    torch.manual_seed(0)
    watched, optimizer = make_model()
    with reproaudit.watch(watched, optimizer):
        noisy(watched, optimizer)
    assert torch.equal(torch.get_rng_state(), drawn)
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("level", ["boundary", "operation"])
def test_the_loop_goes_on_after_the_steps_that_are_recorded(tmp_path: Path, level: str) -> None:
    model, optimizer = make_model()
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    with reproaudit.watch(model, optimizer, out=tmp_path / "t", steps=2, level=level) as watch:
        train(model, optimizer, steps=5)
    trace = Trace.open(tmp_path / "t")
    assert (len(calls), watch.steps, trace.header["steps"]) == (5, 2, 2)
    assert trace.outcome.kind is OutcomeKind.STOPPED
    assert max(event.step for event in trace.tensors()) == 1


def test_without_an_optimizer_each_backward_pass_is_a_step() -> None:
    model, _ = make_model()
    with reproaudit.watch(model, None) as watch:
        for _ in range(3):
            model(torch.ones(3, 4)).sum().backward()
    assert watch.steps == 3


def test_an_exception_ends_the_trace_with_its_name_and_goes_on(tmp_path: Path) -> None:
    def fail() -> None:
        with reproaudit.watch(*make_model(), out=tmp_path / "t"):
            raise ValueError("of the loop")

    with pytest.raises(ValueError, match="of the loop"):
        fail()
    outcome = Trace.open(tmp_path / "t").outcome
    assert (outcome.kind, outcome.detail) == (OutcomeKind.RAISED, "ValueError: of the loop")


def test_parameters_are_called_as_in_the_model_that_was_named(tmp_path: Path) -> None:
    model, optimizer = make_model()
    with reproaudit.watch(model, optimizer, out=tmp_path / "t"):
        # A part of it is called by itself, so that its own names are others.
        model[2](torch.ones(1, 8)).sum().backward()
        optimizer.step()
    names = {event.name for event in Trace.open(tmp_path / "t").tensors()}
    assert {"0.weight", "2.bias"} <= names


@pytest.fixture
def watched() -> Iterator[reproaudit.Watch]:
    with reproaudit.watch(*make_model()) as watch:
        yield watch


def test_one_loop_is_watched_at_a_time(watched: reproaudit.Watch) -> None:
    with (
        pytest.raises(reproaudit.UsageError, match="recorded already"),
        reproaudit.watch(*make_model()),
    ):
        pass


def test_what_has_not_ended_is_not_compared(watched: reproaudit.Watch) -> None:
    with pytest.raises(reproaudit.UsageError, match="has not ended"):
        reproaudit.compare(watched, watched)


def test_a_watch_is_used_once() -> None:
    watch = reproaudit.watch(*make_model())
    with watch:
        pass
    with pytest.raises(reproaudit.UsageError, match="used once"), watch:
        pass


def test_a_scheduler_is_no_optimizer() -> None:
    model, optimizer = make_model()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    with (
        pytest.raises(reproaudit.UsageError, match="StepLR"),
        reproaudit.watch(model, scheduler),  # type: ignore[arg-type]
    ):
        pass


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"steps": 0}, "steps is 0"), ({"level": "deep"}, "no level"), ({"values_mb": -1}, "-1")],
)
def test_what_cannot_be_meant_is_refused_at_once(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(reproaudit.UsageError, match=said):
        reproaudit.watch(*make_model(), **wrong)  # type: ignore[arg-type]


def test_a_folder_that_holds_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(reproaudit.UsageError, match="already holds files") as error:
        reproaudit.watch(*make_model(), out=tmp_path)
    assert error.value.code == "out-exists"


def test_the_loop_that_the_documentation_shows_names_the_line_that_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "api.md"
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    (loop,) = [block for block in blocks if "reproaudit.watch(" in block]
    (tmp_path / "loop.py").write_text(loop)
    runpy.run_path(str(tmp_path / "loop.py"))
    line = next(i for i, text in enumerate(loop.splitlines(), 1) if "torch.rand(" in text)
    assert capsys.readouterr().out == f"not-reproducible {line}\n"
