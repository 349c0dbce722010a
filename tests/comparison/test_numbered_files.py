"""Files under a next free number: which of two runs' belong together, and which do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.numbered_files import match_numbered
from reproaudit.comparison.tables import add_identities, tabulate_boundaries
from reproaudit.model.events import EventKind
from tests.comparison.traces import Row, make_run


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("logs/version_3/last.ckpt", "logs/version_0/last.ckpt"),
        ("runs/exp2/best.pt", "runs/exp/best.pt"),
        ("epoch=0-step=3-v1.ckpt", "epoch=0-step=3.ckpt"),
        ("out (2).pt", "out.pt"),
        ("$TMPDIR/pytest-12/test_it0/a.npy", "$TMPDIR/pytest-11/test_it0/a.npy"),
        ("model_10", "model_9"),
    ],
)
def test_a_next_free_number_is_no_other_file(own: str, other: str) -> None:
    assert match_numbered([own], [other]) == {own: other}
    assert match_numbered([other], [own]) == {other: own}


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("loss_0.531.pt", "loss_0.532.pt"),  # a value, not a counter
        ("best.pt", "last.pt"),
        ("a1/x.pt", "b1/x.pt"),
        ("a/x.pt", "a/x.npy"),
        ("v1/a/x.pt", "v1/x.pt"),
    ],
)
def test_other_files_stay_others(own: str, other: str) -> None:
    assert match_numbered([own], [other]) == {}


@pytest.mark.parametrize(
    ("own", "others", "matched"),
    [
        # The second audit overwrites what the first has left: each file is itself.
        (["epoch_0", "epoch_1"], ["epoch_0", "epoch_1"], {}),
        # A run that goes on where the other was stopped.
        (["epoch_3", "epoch_4"], ["epoch_0", "epoch_1", "epoch_3", "epoch_4"], {}),
        (["step_9", "step_10"], ["step_1", "step_2"], {"step_9": "step_1", "step_10": "step_2"}),
        # One file more: nothing tells which it is.
        (["run_3", "run_4"], ["run_1"], {}),
        (["v2/a_1", "v2/a_2"], ["v1/a_1", "v1/a_2"], {"v2/a_1": "v1/a_1", "v2/a_2": "v1/a_2"}),
    ],
)
def test_several_files_belong_together_in_the_order_of_their_numbers(
    own: list[str], others: list[str], matched: Mapping[str, str]
) -> None:
    assert match_numbered(own, others) == matched


def save_in(folder: str, content: int, name: str = "last.pt: weight") -> Row:
    return Row(f"{folder}/{name}", content, 1, EventKind.SAVED, inputs_high=1)


@pytest.mark.parametrize(
    ("contents", "classes"), [((7, 7, 7), ((0, 1, 2),)), ((7, 8, 7), ((0, 2), (1,)))]
)
def test_what_is_saved_in_a_new_folder_each_time_is_compared_by_content(
    tmp_path: Path, contents: tuple[int, ...], classes: tuple[tuple[int, ...], ...]
) -> None:
    runs = [
        make_run(tmp_path, index, [save_in(f"logs/version_{index}", content)])
        for index, content in enumerate(contents)
    ]
    interned = Interned()
    assert compare_boundaries(runs, interned).classes == classes
    tables = [
        add_identities(tabulate_boundaries(run, interned), run, interned) for run in runs[::2]
    ]
    first, last = (table.identities for table in tables)
    assert first is not None
    assert last is not None
    assert first.contents.tolist() == last.contents.tolist()


def test_a_tensor_that_one_file_lacks_is_no_number(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, index, [save_in(f"v{index}", 7, name)])
        for index, name in enumerate(["a.pt: layer1", "a.pt: layer2"])
    ]
    assert len(compare_boundaries(runs, Interned()).classes) == 2
