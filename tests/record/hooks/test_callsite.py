"""Whose line a stack frame is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from reproaudit.record.hooks.callsite import LIBRARY, OWN, USER, CallSites
from reproaudit.trace.writer import TraceWriter


@pytest.fixture
def sites(tmp_path: Path) -> CallSites:
    writer = TraceWriter(
        tmp_path / "t",
        level="boundary",
        subject="s",
        command=[],
        settings={},
        environment={},
        version="0",
        values_budget=0,
    )
    return CallSites(writer, str(tmp_path / "project"), str(tmp_path))


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/srv/project/train.py", USER),
        ("/opt/lib/python3.11/site-packages/timm/layers.py", LIBRARY),
        ("/opt/lib/python3.11/site-packages/torch/nn/modules/linear.py", OWN),
        ("/tmp/torchinductor_someone/sg/csgkem.py", OWN),
        ("<frozen importlib._bootstrap>", OWN),
        ("<ipython-input-3-0>", USER),
        (os.__file__, OWN),
        (torch.__file__, OWN),
    ],
)
def test_a_frame_belongs_to_its_file_s_owner(sites: CallSites, path: str, owner: int) -> None:
    assert sites.kinds.of(compile("", path, "exec")) == owner


def test_paths_are_shown_relative_to_the_subject_up_to_where_it_was_started(
    sites: CallSites, tmp_path: Path
) -> None:
    assert sites.shown(str(tmp_path / "project" / "models" / "net.py")) == os.path.join(
        "models", "net.py"
    )
    assert sites.shown(str(tmp_path / "shared.py")) == os.path.join("..", "shared.py")
    assert (
        sites.shown("/opt/lib/python3.11/site-packages/timm/layers.py")
        == "site-packages/timm/layers.py"
    )


def test_data_beside_a_subject_that_lies_elsewhere_is_shown_from_where_it_was_started(
    sites: CallSites, tmp_path: Path
) -> None:
    data = os.path.realpath(tmp_path / "features.pt")
    assert sites.shown_data(data) == os.path.join("..", "features.pt")
    elsewhere = CallSites(sites._writer, str(tmp_path / "project"), str(tmp_path / "work"))
    there = os.path.realpath(tmp_path / "work" / "features.pt")
    assert elsewhere.shown_data(there) == "features.pt"
    assert elsewhere.shown_data(data) == data


def test_equal_functions_in_two_files_have_each_its_own_owner_and_line(sites: CallSites) -> None:
    found = []
    for path in (
        "/srv/project/a.py",
        "/opt/lib/python3.11/site-packages/timm/a.py",
        "/srv/project/b.py",
    ):
        names: dict[str, object] = {"here": lambda: sites.here(2)}
        exec(compile("found = here()", path, "exec"), names)
        found.append(names["found"])
    assert len(set(found)) == 3
