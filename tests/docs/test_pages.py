"""What the README and the pages show is so: commands are understood, screens are what was printed,
configuration is read, links lead somewhere."""

from __future__ import annotations

import ast
import importlib
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reproaudit.cli.arguments import Parser, add_settings, split_words
from reproaudit.cli.main import COMMANDS, main
from reproaudit.cli.parsers import OF_A_SUBJECT, OTHERS
from reproaudit.cli.seeds import join_values
from reproaudit.config.project import load_project
from reproaudit.knowledge.rules import ALL_RULES
from reproaudit.model.confidence import bound_rate
from tests.docs.pages import ROOT, Block, Screen, list_blocks, list_links, list_screens

SAMPLES = ROOT / "reports" / "samples"


SCREENS = list_screens()
OURS = [screen for screen in SCREENS if screen.words[:1] == ["reproaudit"]]
QUICK = ("explain", "report")  # answered at once, so that their screens are made anew


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_pages_with_commands_are_found() -> None:
    assert len(OURS) > 80
    assert {*OF_A_SUBJECT, *OTHERS} == set(COMMANDS)


@pytest.mark.parametrize("screen", OURS, ids=str)
def test_a_command_that_a_page_shows_is_understood(screen: Screen) -> None:
    words = screen.words[1:]
    command = words.pop(0) if words and words[0] in COMMANDS else "audit"
    if command in OTHERS:
        OTHERS[command]().parse_args(words)
        return
    parser = OF_A_SUBJECT[command]()
    ours, subject, _ = split_words(parser, words)
    parser.parse_args(join_values(ours) if command == "seeds" else ours)
    needs_subject = command not in ("lock", "check") and not {"--list", "--endpoint"} & set(words)
    assert (subject is not None) or not needs_subject


@pytest.mark.parametrize("screen", [one for one in SCREENS if one.printed.strip()], ids=str)
def test_a_screen_is_how_what_the_tool_printed_begins(
    screen: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    if screen.words[1] in QUICK:
        assert main(screen.words[1:]) in (0, 1)
        printed = capsys.readouterr().out
    else:
        (sample,) = [
            command.parent
            for command in SAMPLES.glob("*/command")
            if command.read_text(encoding="utf-8").strip() == screen.command
        ]
        printed = text_of(f"reports/samples/{sample.name}/terminal.txt")
    assert printed.startswith(screen.printed)


@pytest.mark.parametrize(
    "screen", [one for one in SCREENS if one.words[0] in ("pip", "make")], ids=str
)
def test_extras_and_targets_that_a_page_names_are_there(screen: Screen) -> None:
    program, *words = screen.words
    if program == "make":
        assert re.search(rf"^{words[0]}:.*## ", text_of("Makefile"), re.MULTILINE)
    else:
        for extra in re.findall(r"\[([\w-]+)\]", screen.command):
            assert f"\n{extra} = [\n" in text_of("pyproject.toml")


@pytest.mark.parametrize("block", list_blocks("toml"), ids=str)
def test_a_configuration_that_a_page_shows_is_read(block: Block, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(block.text, encoding="utf-8")
    assert load_project(tmp_path).subjects


@pytest.mark.parametrize("block", list_blocks("python"), ids=str)
def test_python_that_a_page_shows_is_python_and_names_what_we_have(block: Block) -> None:
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reproaudit"):
            module = importlib.import_module(node.module or "")
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("reproaudit"):
                    importlib.import_module(alias.name)


@pytest.mark.slow
def test_the_programs_of_the_practices_run() -> None:
    blocks = [block.text for block in list_blocks("python") if block.page == "docs/practices.md"]
    assert len(blocks) == 3
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(blocks)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_rates_that_equal_runs_rule_out_are_the_ones_that_are_computed() -> None:
    page = text_of("docs/how-it-works/statistics.md")
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) % \| ([\d.]+) % \|$", page, re.MULTILINE)
    assert len(rows) > 4
    for runs, *shown in rows:
        for level, share in zip((0.95, 0.99), shown, strict=True):
            rate = bound_rate(level, int(runs))
            assert rate is not None
            assert math.ceil(rate * 1000 - 1e-9) / 10 == float(share)


@pytest.mark.parametrize(
    ("page", "target"), list_links(), ids=lambda value: str(value).removeprefix(f"{ROOT}/")
)
def test_a_link_leads_to_a_file(page: Path, target: str) -> None:
    path = (page.parent / target).resolve()
    if path.parent == ROOT / "docs" / "why" and path.stem.startswith("ra"):
        assert path.stem.upper() in ALL_RULES  # its page is made when the site is built
    else:
        assert path.exists()


def test_a_rule_in_a_table_of_a_page_leads_to_its_page() -> None:
    for page in (ROOT / "docs" / "how-to").glob("*.md"):
        rows = re.findall(r"^\| \[?(RA\d+).*?\|", text_of(f"docs/how-to/{page.name}"), re.MULTILINE)
        links = [target for at, target in list_links() if at == page]
        assert [rule for rule in rows if f"../why/{rule.lower()}.md" not in links] == []


def test_the_reference_shows_the_help_of_every_command() -> None:
    page = text_of("docs/reference/command-line.md")
    assert re.findall(r"^```\{help\} (\w+)$", page, re.MULTILINE) == list(COMMANDS)


def test_the_page_on_settings_names_every_setting() -> None:
    settings = Parser(add_help=False)
    add_settings(settings)
    page = text_of("docs/how-to/settings.md")
    assert [option for option in settings.list_options() if f"`{option}" not in page] == []


def test_the_readme_is_short() -> None:
    assert len(text_of("README.md").splitlines()) <= 150
