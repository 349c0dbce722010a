"""Signs of disorder in runs that were equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.config.subject import parse_subject
from reproaudit.experiment.disorder import find_disorder
from reproaudit.model.events import EventKind
from tests.comparison.traces import Row, make_run


def sign(folder: Path, text: str, *calls: tuple[str, int, int]) -> str:
    """Return the sign in two runs whose calls returned what is given for each."""
    (folder / "train.py").write_text(text)
    runs = []
    for index in range(2):
        rows = [Row(name, values[index], kind=EventKind.ENTROPY) for name, *values in calls]
        runs.append(make_run(folder / f"run-{index}", index, [*rows, Row("aten::mm")]))
    a, b = runs
    return find_disorder(a, b, parse_subject("train.py", cwd=folder), Interned())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("uuid.uuid4", 1, 2), "uuid.uuid4 was called"),
        (("queue.Queue.get", 1, 1), "queue.Queue.get was called"),
        (("asyncio.wait", 1, 1), "asyncio.wait was called"),
        (("random.random", 1, 1), ""),
        (("time.time", 1, 2), ""),
    ],
)
def test_what_differs_or_has_no_order_is_a_sign_and_a_clock_is_none(
    tmp_path: Path, call: tuple[str, int, int], said: str
) -> None:
    assert sign(tmp_path, "x = 1\n", call) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("for name in {'a', 'b'}: pass\n", "it iterates over sets"),
        ("names = set(words)\nids = list(names)\n", "it iterates over sets"),
        ("for name in sorted({'a', 'b'}): pass\n", ""),
        ("known = name in {'a', 'b'}\n", ""),
    ],
)
def test_sets_are_a_sign_where_their_order_shows(tmp_path: Path, text: str, said: str) -> None:
    assert sign(tmp_path, text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("done, _ = await asyncio.wait(tasks)\n", "it calls asyncio.wait"),
        ("for one in as_completed(tasks): pass\n", "it calls as_completed"),
        ("done, _ = wait(tasks)\n", "it calls wait"),
        ("seed = os.urandom(8)\n", "it calls os.urandom"),
        ("stopped.wait(3)\n", ""),
        ("all = await asyncio.gather(*tasks)\n", ""),
    ],
)
def test_a_call_without_an_order_is_a_sign_though_no_call_was_recorded(
    tmp_path: Path, text: str, said: str
) -> None:
    body = f"async def load():\n    {text}"
    assert sign(tmp_path, body) == said


def test_a_module_beside_the_program_shows_its_signs_too(tmp_path: Path) -> None:
    (tmp_path / "loading.py").write_text("for one in as_completed(tasks): pass\n")
    assert sign(tmp_path, "from loading import load\n") == "it calls as_completed"
    assert sign(tmp_path, "from elsewhere import load\n") == ""
