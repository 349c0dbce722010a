"""The browser that other tests look through sees what they rely on: planted faults are found, and
nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.browser.chromium import Browser, missing_programs, start_browser
from tests.browser.tab import Tab
from tests.processes import has_ended, needs_pidfd

ROOT = Path(__file__).resolve().parents[2]
READY = "<script>document.documentElement.dataset.ready = 'true'</script>"


def write_page(folder: Path, body: str) -> Path:
    page = folder / "page.html"
    page.write_text(f"<!doctype html><meta charset='utf-8'><title>page</title>{body}{READY}\n")
    return page


def processes_naming(word: str) -> list[int]:
    """Return the numbers of all processes whose command lines name something."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_text()
        except OSError:
            continue  # it has just ended
        if word in line:
            found.append(int(folder.name))
    return found


def test_a_quiet_page_is_silent(tab: Tab, tmp_path: Path) -> None:
    tab.open(write_page(tmp_path, "<p>quiet"))
    assert [element.text for element in tab.find("p")] == ["quiet"]
    tab.assert_silent()


@pytest.mark.parametrize("shown", ["alone", "framed", "inline"])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("<script>throw new Error('planted')</script>", "planted"),
        ("<script>console.warn('planted')</script>", "planted"),
        ("<script>Promise.reject(new Error('planted'))</script>", "planted"),
        (
            "<meta http-equiv='Content-Security-Policy' content=\"img-src 'none'\">"
            "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA='>",
            "Content Security Policy",
        ),
    ],
)
def test_what_goes_wrong_in_a_page_is_heard(
    browser: Browser, tmp_path: Path, fault: str, said: str, shown: str
) -> None:
    page = write_page(tmp_path, fault)
    with browser.new_tab() as tab:
        if shown == "alone":
            tab.open(page)
        else:
            tab.open_in_sandbox(page, inline=shown == "inline")
        assert any(said in message for message in tab.messages())
        with pytest.raises(AssertionError, match=said):
            tab.assert_silent()
    with browser.new_tab() as after:
        after.assert_silent()


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """Serve nothing on this machine; give the address, and what was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("offline", [False, True])
def test_a_request_is_seen_and_leaves_only_with_the_network_on(
    browser: Browser,
    tmp_path: Path,
    asked: tuple[str, list[str]],
    offline: bool,
    framed: bool,
) -> None:
    address, paths = asked
    page = write_page(tmp_path, f"<img src='{address}/pixel.png'>")
    with browser.new_tab() as tab:
        if offline:
            tab.go_offline()
        if framed:
            tab.open_in_sandbox(page)
        else:
            tab.open(page)
        assert tab.requests_outside() == [f"{address}/pixel.png"]
        assert paths == ([] if offline else ["/pixel.png"])


def test_a_request_that_the_page_forbids_itself_is_none(browser: Browser, tmp_path: Path) -> None:
    policy = "<meta http-equiv='Content-Security-Policy' content=\"img-src 'none'\">"
    with browser.new_tab() as tab:
        tab.open(write_page(tmp_path, f"{policy}<img src='http://127.0.0.1:9/pixel.png'>"))
        assert tab.requests_outside() == []
        assert any("Content Security Policy" in message for message in tab.messages())


def test_no_name_is_resolved(browser: Browser, tmp_path: Path) -> None:
    with browser.new_tab() as tab:
        tab.open(write_page(tmp_path, "<img src='http://example.org/pixel.png'>"))
        assert any("ERR_NAME_NOT_RESOLVED" in message for message in tab.messages())


def test_a_sandboxed_page_has_no_storage(tab: Tab, tmp_path: Path) -> None:
    page = write_page(
        tmp_path, "<script>try { localStorage } catch (e) { document.title = e.name }</script>"
    )
    tab.open_in_sandbox(page)
    with tab.frame():
        assert tab.run("return document.title") == "SecurityError"
        assert tab.run("return window.origin") == "null"


def test_colours_media_and_width_are_those_asked_for(tab: Tab, tmp_path: Path) -> None:
    tab.open(write_page(tmp_path, ""))
    matches = "return matchMedia(arguments[0]).matches"
    assert tab.run(matches, "(prefers-color-scheme: light)")
    tab.prefer("dark")
    assert tab.run(matches, "(prefers-color-scheme: dark)")
    assert tab.run(matches, "screen")
    tab.show_as("print")
    assert tab.run(matches, "print")
    assert tab.run(matches, "(prefers-color-scheme: dark)")
    tab.resize(400)
    assert tab.run("return innerWidth") == 400


def test_a_picture_shows_the_page_to_its_end(tab: Tab, tmp_path: Path) -> None:
    tab.open(write_page(tmp_path, "<style>body { margin: 0; height: 3000px }</style>"))
    assert size_of(tab.picture(most_height=8000)) == (1400, 3000)
    assert size_of(tab.picture(most_height=2000)) == (1400, 2000)


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


@needs_pidfd
@pytest.mark.parametrize("dies", [False, True])
def test_nothing_is_left_of_a_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Browser, dies: bool
) -> None:
    assert browser.process
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with start_browser() as other:
        processes = processes_naming(str(tmp_path))
        assert len(processes) > 2
        if dies:
            os.kill(other.process, 9)
    assert list(tmp_path.iterdir()) == []
    assert all(map(has_ended, processes))


@needs_pidfd
@pytest.mark.parametrize("signal", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_browser_whose_owner_is_killed(
    tmp_path: Path, browser: Browser, signal: signal.Signals
) -> None:
    assert browser.process
    program = (
        f"import sys, tempfile\nsys.path.insert(0, {str(ROOT)!r})\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "from tests.browser.chromium import start_browser\n"
        "with start_browser():\n    print('started', flush=True)\n    input()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"started\n"
        processes = processes_naming(str(tmp_path))
        assert len(processes) > 2
        owner.send_signal(signal)
    assert all(map(has_ended, processes))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_browser_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_programs() == (
        "needs Chromium and chromedriver, found none on PATH: "
        "apt-get install chromium chromium-driver"
    )
    with pytest.raises(RuntimeError, match="apt-get install chromium"), start_browser():
        pass


@pytest.mark.parametrize(("ci", "outcome"), [("true", "errors"), ("", "skipped")])
def test_a_missing_browser_fails_continuous_integration_and_nothing_else(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: str
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest(
        "import pytest\nfrom tests.browser import fixtures\n"
        "from tests.browser.fixtures import browser\n"
        "fixtures.missing_programs = lambda: 'needs a browser'\n"
    )
    pytester.makepyfile("def test_looks(browser): pass")
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-rs")
    done.assert_outcomes(**{outcome: 1})
    done.stdout.fnmatch_lines(["*needs a browser*"])
