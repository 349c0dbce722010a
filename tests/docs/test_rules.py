"""*Why runs differ*: each rule has a page, and each program shows what its page says."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from reproaudit.knowledge.lookalikes import LOOKALIKES
from reproaudit.knowledge.rules import ALL_RULES
from tests.auditing import reproaudit

DOCS = Path(__file__).resolve().parents[2] / "docs"
PROGRAMS = DOCS / "why" / "programs"
REPORTS = sorted(path.stem for path in PROGRAMS.glob("ra???.txt"))
MENDED = sorted(path.stem for path in PROGRAMS.glob("*_mended.txt"))


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(DOCS))
    yield importlib.import_module("_rules")
    for name in ("_rules", "_programs"):
        del sys.modules[name]


@pytest.mark.parametrize("rule", ALL_RULES)
def test_a_rule_has_a_page_that_explains_it_and_tells_it_from_others(
    pages: ModuleType, rule: str
) -> None:
    page = pages.make_page(ALL_RULES[rule])
    assert page.startswith(f"# {rule}: ")
    for other in LOOKALIKES[rule]:
        assert f"[{other.what}]({other.what.lower()}.md)" in page or f"**{other.what}**" in page
    # What is marked as code is all that the page adds to the words of the table.
    words = page.replace("`", "")
    assert ALL_RULES[rule].explanation.replace("`", "") in words
    assert ALL_RULES[rule].advice.replace("`", "") in words


def test_every_rule_has_a_program_or_a_reason(pages: ModuleType) -> None:
    programs = sys.modules["_programs"]
    named = [*programs.COMMANDS, *programs.SAMPLES, *programs.WITHOUT_PROGRAM]
    assert sorted(named) == sorted(ALL_RULES)
    assert set(programs.NOT_RUN) <= set(programs.COMMANDS)
    for rule in programs.COMMANDS:
        assert (PROGRAMS / programs.name_program(rule)).exists()
    for rule, mended in programs.list_programs():
        assert programs.find_report(rule, mended=mended).exists()
        report = programs.find_report(rule, mended=mended).read_text(encoding="utf-8")
        assert report.startswith(f"$ {programs.word_command(rule, mended=mended)}\n")


def test_a_sample_that_stands_for_a_program_names_the_rule(pages: ModuleType) -> None:
    for rule, (program, folder) in sys.modules["_programs"].SAMPLES.items():
        report = (DOCS.parent / "reports" / "samples" / folder / "terminal.txt").read_text("utf-8")
        assert re.search(rf"\b{rule}\b", report)
        assert f"`{program}`" in pages.make_page(ALL_RULES[rule])


def test_pages_are_written_once_and_those_of_no_rule_are_removed(
    pages: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "ra000.md").touch()
    (tmp_path / "index.md").touch()
    pages.write_pages(tmp_path)
    written = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert set(written) == {"index.md", *(f"{rule.lower()}.md" for rule in ALL_RULES)}
    pages.write_pages(tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written


def test_code_in_prose_is_marked_and_nothing_else(pages: ModuleType) -> None:
    said = "torch.manual_seed(0) or --seed, in worker_init_fn; e.g. runs. `a.b` stays. Seeds do."
    assert pages._mark_code(said) == (
        "`torch.manual_seed(0)` or `--seed`, in `worker_init_fn`; e.g. runs. `a.b` stays. Seeds do."
    )


@pytest.mark.parametrize("name", REPORTS)
def test_the_report_of_a_program_names_its_rule_and_lines_that_are_there(
    pages: ModuleType, name: str
) -> None:
    report = (PROGRAMS / f"{name}.txt").read_text(encoding="utf-8")
    assert name.upper() in report
    lines = len((PROGRAMS / f"{name}.py").read_text(encoding="utf-8").splitlines())
    named = [int(number) for number in re.findall(rf"{name}\.py:(\d+)", report)]
    assert named
    assert max(named) <= lines


@pytest.mark.parametrize("name", MENDED)
def test_the_report_of_a_mended_program_names_its_rule_no_more(name: str) -> None:
    report = (PROGRAMS / f"{name}.txt").read_text(encoding="utf-8")
    assert name.removesuffix("_mended").upper() not in report


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.txt")), ids=lambda path: path.stem)
def test_a_report_names_no_folder_of_the_machine_that_it_was_made_on(path: Path) -> None:
    assert not re.search(r"(?<![\w.])/(?:tmp|home|root|work|usr)/", path.read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["RA604", "RA606"])
def test_a_program_that_is_audited_again_gets_the_answer_that_is_kept(
    pages: ModuleType, rule: str, tmp_path: Path
) -> None:
    programs = sys.modules["_programs"]
    shutil.copy(PROGRAMS / programs.name_program(rule), tmp_path)
    _, *words = shlex.split(programs.word_command(rule))
    answer = reproaudit(tmp_path, *words).stdout.splitlines()[0]
    assert answer == programs.find_report(rule).read_text(encoding="utf-8").splitlines()[1]
