"""Runs as tasks of a Ray cluster of our own.

Ray is large: where it is not installed these tests are skipped. What comes of a lost run, and of a
node that does not see the folder, is tested without it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.auditing import PROGRAMS

pytest.importorskip("ray", reason="needs Ray: pip install 'reproaudit[ray]'")

TAKES_S = 300


@pytest.mark.slow
def test_a_cluster_of_our_own_leaves_no_process_and_no_token(tmp_path: Path) -> None:
    words = ["--executor", "ray", "--jobs", "2", "--runs", "2", "--no-alerts"]
    (tmp_path / "tmp").mkdir()
    environment = os.environ | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}
    done = subprocess.run(
        [sys.executable, "-m", "reproaudit", *words, "--report", "json=-", PROGRAMS / "clean.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=TAKES_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["verdict"] == "reproducible"
    assert result["hardware"]
    assert "runs-side-by-side" in [note["code"] for note in result["not_checked"]]
    assert not (tmp_path / ".ray").exists()
    assert list((tmp_path / "tmp").glob("reproaudit-*")) == []
    left = [
        folder.name
        for folder in Path("/proc").glob("[0-9]*")
        if str(tmp_path).encode() in _read(folder / "environ")
    ]
    assert left == []


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
