"""Texts with paths, as a run in a copy finds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.runs.moved_paths import Move, MovedPaths


@pytest.fixture
def paths(tmp_path: Path) -> MovedPaths:
    """The folder `top` is copied, its folder `env` is not, and a run starts in `top/sub`."""
    (tmp_path / "top" / "sub").mkdir(parents=True)
    (tmp_path / "beside").mkdir()
    return MovedPaths([Move(tmp_path / "top", tmp_path / "new", ("env",))], tmp_path / "top/sub")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("{top}", "{new}"),
        ("{top}/data", "{new}/data"),
        ("--data={top}/data", "--data={new}/data"),
        ("a={top}/x,b={top}/y", "a={new}/x,b={new}/y"),
        ("['{top}/x']", "['{new}/x']"),
        ("file://{top}/mlruns", "file://{new}/mlruns"),
        ("sqlite:///{top}/x.db", "sqlite:///{new}/x.db"),
        ("-I{top}/include", "-I{new}/include"),
        ("{top}-other/x", "{top}-other/x"),
        ("/elsewhere{top}/x", "/elsewhere{top}/x"),
        ("{top}/env/bin/python", "{top}/env/bin/python"),
        ("{top}/environment", "{new}/environment"),
        ("../data", "../data"),
        ("../../beside/x", "{root}/beside/x"),
        ("--x=../../beside/x", "--x={root}/beside/x"),
        ("../../nowhere/x", "../../nowhere/x"),
        ("...", "..."),
        ("0.5", "0.5"),
    ],
)
def test_a_word_leads_into_the_copy_or_where_it_led(
    tmp_path: Path, paths: MovedPaths, word: str, expected: str
) -> None:
    places = {"root": tmp_path, "top": tmp_path / "top", "new": tmp_path / "new"}
    assert paths.map_word(word.format(**places)) == expected.format(**places)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PYTHONPATH", "..:{top}/lib:../../beside/lib:", "..:{new}/lib:{root}/beside/lib:"),
        ("TORCH_HOME", "../../beside/cache", "{root}/beside/cache"),
        ("PATH", "{top}/env/bin:/usr/bin", None),
        ("VIRTUAL_ENV", "{top}/env-2", None),
        ("REPROAUDIT_OUT", "{top}/out", None),
        ("DATA_DIR", "./data", None),
        ("LS_COLORS", "*.tar=01;31:..=1", None),
    ],
)
def test_a_variable_is_changed_only_where_its_paths_lead_elsewhere(
    tmp_path: Path, paths: MovedPaths, name: str, value: str, expected: str | None
) -> None:
    places = {"root": tmp_path, "top": tmp_path / "top", "new": tmp_path / "new"}
    changed = paths.map_environment({name: value.format(**places), "OTHER": "x"})
    assert changed == ({} if expected is None else {name: expected.format(**places)})


def test_a_folder_is_known_by_the_links_that_a_shell_came_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    monkeypatch.setenv("PWD", str(tmp_path / "link" / "sub"))
    moves = [Move(tmp_path / "real", tmp_path / "new")]
    paths = MovedPaths(moves, tmp_path / "real" / "sub")
    assert paths.map_word(str(tmp_path / "link" / "data")) == str(tmp_path / "new" / "data")
