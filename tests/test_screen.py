"""On which streams pictures are drawn."""

from __future__ import annotations

import io
import sys

import pytest

from reproaudit.screen import shows_pictures, takes_colour


class Terminal(io.StringIO):
    encoding = "UTF-8"

    def isatty(self) -> bool:
        return True


class OldTerminal(Terminal):
    encoding = "ANSI_X3.4-1968"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_a_terminal_shows_pictures_and_a_file_shows_none() -> None:
    assert takes_colour(Terminal())
    assert shows_pictures(Terminal())
    for stream in (io.StringIO(), io.TextIOWrapper(io.BytesIO(), "utf-8"), None):
        assert not takes_colour(stream)
        assert not shows_pictures(stream)


@pytest.mark.parametrize(
    ("name", "value"), [("NO_COLOR", "1"), ("NO_COLOR", ""), ("TERM", "dumb"), ("TERM", "unknown")]
)
def test_whoever_wants_none_gets_plain_text(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert not takes_colour(Terminal())
    assert not shows_pictures(Terminal())


def test_a_terminal_that_lacks_the_characters_has_colours_alone() -> None:
    assert takes_colour(OldTerminal())
    assert not shows_pictures(OldTerminal())


def test_without_rich_nothing_is_drawn_and_asking_does_not_import_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as without:
        without.setattr("importlib.util.find_spec", lambda name: None)
        assert takes_colour(Terminal())
        assert not shows_pictures(Terminal())
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    assert shows_pictures(Terminal())
    assert "rich" not in sys.modules
