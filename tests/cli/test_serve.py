"""`reproaudit serve`: how it begins, what it refuses, and how it ends."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reproaudit.cli.main import main
from tests.cli.test_page_options import OPS, count_rows, read_page, write_traces
from tests.serve.serving import save_two


@contextlib.contextmanager
def started(*words: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command, and give its process and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reproaudit", "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_an_address_and_ends_quietly(number: int, tmp_path: Path) -> None:
    save_two(tmp_path)
    with started(tmp_path) as (process, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[0-9a-f]{32}/", url)
        with urllib.request.urlopen(url, timeout=30) as page:
            assert b"the first differs" in page.read()
        process.send_signal(number)
        out, error = process.communicate(timeout=60)
        assert process.returncode == 0
    assert out == ""
    assert error == f"reproaudit: 2 audits in {tmp_path}; Ctrl-C ends it\n"


@pytest.mark.slow
def test_a_port_is_had_again_at_once(tmp_path: Path) -> None:
    with started(tmp_path) as (process, url):
        port = url.split(":")[2].partition("/")[0]
        with urllib.request.urlopen(url, timeout=30) as page:
            assert b"no saved audit" in page.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    with started(tmp_path, "--port", port) as (_, again):
        assert f":{port}/" in again
        assert again != url


def read_only_page(url: str, path: Path) -> dict[str, Any]:
    """Return what the page of the only audit in a list holds; it is written to `path`."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        found = re.search(r"href='(audit/[0-9a-f]{16})'", answer.read().decode())
    assert found is not None
    with urllib.request.urlopen(url + found[1], timeout=60) as answer:
        path.write_bytes(answer.read())
    return read_page(path)


@pytest.mark.slow
def test_where_the_traces_lie_beside_a_result_its_page_has_all_operators(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    traces = write_traces(kept)
    result = kept / "result.json"
    assert main(["compare", *traces, "--report", f"json={result}"]) == 1
    page = tmp_path / "page.html"
    with started(kept) as (process, url):
        assert count_rows(read_only_page(url, page)) == [OPS]
        # Those of another result: it has the operators around the source itself.
        write_traces(kept, OPS - 100)
        result.write_text(result.read_text() + "\n")
        assert count_rows(read_only_page(url, page)) == [101]
        # A link to such a folder is not followed.
        shutil.move(kept / "run-1", tmp_path / "moved")
        (kept / "run-1").symlink_to(tmp_path / "moved")
        result.write_text(result.read_text() + "\n")
        assert count_rows(read_only_page(url, page)) == [101]
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert error.count("are not the traces of this result") == 1


def refuse(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one error that the command ends with."""
    assert main(["serve", *words]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("reproaudit: error: ")
    assert "Traceback" not in error
    return error


def test_a_port_that_is_taken_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = refuse([str(tmp_path), "--port", str(port)], capsys)
    assert f"cannot listen on port {port}: Address already in use [serve-port]" in error


def test_a_folder_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "result.json").write_text("{}")
    (tmp_path / "round").symlink_to("round")
    for name, why in (
        ("missing", "No such file"),
        ("result.json", "it is no folder"),
        ("round", ""),
        ("a\0b", "null"),
        ("n" * 300, "File name too long"),
    ):
        error = refuse([os.path.join(tmp_path, name)], capsys)
        assert why in error
        assert "[serve-folder]" in error


@pytest.mark.parametrize("port", ["-1", "65536", "http", "1.5"])
def test_a_port_is_a_number(port: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is no port from 0 to 65535" in refuse([str(tmp_path), f"--port={port}"], capsys)


def test_a_folder_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "FOLDER" in refuse([], capsys)
