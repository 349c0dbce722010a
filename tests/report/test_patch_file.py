"""The report that `patch -p0` takes."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.model.result import Fix
from reproaudit.report import render, render_all
from tests.report.cases import INDEX_PUT, ONE_DIVERGENCE, REPRODUCIBLE

DIFF = ("--- train.py", "+++ train.py", "@@ -1,1 +1,2 @@", " if x:\r", "+\tseed()\r")
FIX = Fix(patch=DIFF, patch_verified=True, patch_runs=2)


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no `patch` here")
def test_it_applies_as_it_is_and_each_patch_stands_once(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_bytes(b"if x:\r\n")
    finding = replace(INDEX_PUT, fix=FIX)
    result = replace(ONE_DIVERGENCE, findings=(finding, INDEX_PUT, finding))
    text = render(result, "patch")
    subprocess.run(["patch", "-p0"], input=text.encode(), cwd=tmp_path, check=True)
    assert (tmp_path / "train.py").read_bytes() == b"if x:\r\n\tseed()\r\n"


def test_what_has_no_patch_is_told_in_comments() -> None:
    assert render(ONE_DIVERGENCE, "patch").splitlines() == [
        "# train.py: to be written by hand, examples/net/train.py:41 in forward",
        "#   import torch",
        "#   torch.use_deterministic_algorithms(True)",
    ]
    assert render_all([REPRODUCIBLE], "patch") == "# nothing to patch\n"
