"""What is found in a folder: by what files hold, within it, and as it is now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.json_report import to_json
from reproaudit.serve import folder as folder_module
from reproaudit.serve import walk as walk_module
from reproaudit.serve.folder import AuditFolder, Listing, NoAudit
from tests.report.cases import EMPTY, ONE_DIVERGENCE
from tests.report.question_cases import VARY
from tests.serve.serving import save, save_two, show_headline


def look(root: Path) -> Listing:
    return AuditFolder(root, show_headline).look()


def names(listing: Listing) -> list[str]:
    return [audit.name for audit in listing.audits]


def test_an_audit_is_listed_with_what_it_found(tmp_path: Path) -> None:
    save(tmp_path / "a" / "result.json")
    os.utime(tmp_path / "a" / "result.json", (1_000, 1_000))
    (audit,) = look(tmp_path).audits
    assert audit.verdict is Verdict.NOT_REPRODUCIBLE
    # As every report names it: from the folder in which the audit was started.
    line = "examples/net/train.py:41"
    assert audit.headline == ONE_DIVERGENCE.headline.replace("train.py:41", line)
    assert (audit.cause, audit.source, audit.line) == ("kernel", "aten::index_put_", line)
    # Of its seven runs two are recordings, which decide nothing.
    assert (audit.steps, audit.runs, audit.written_s) == (10, 5, 1_000)


def test_a_result_that_has_nothing_is_listed_too(tmp_path: Path) -> None:
    save(tmp_path / "result.json", "", EMPTY)
    (audit,) = look(tmp_path).audits
    assert (audit.headline, audit.cause, audit.source, audit.line) == ("", "", "", "")


def test_the_answer_to_another_question_is_called_as_it_asks(tmp_path: Path) -> None:
    save(tmp_path / "result.json", "", VARY)
    (audit,) = look(tmp_path).audits
    assert audit.answer == "differs"
    # The gravest dependence stands for all.
    assert (audit.source, audit.line) == ("aten::embedding", "examples/vary/vocabulary.py:17")


def test_files_are_known_by_what_they_hold(tmp_path: Path) -> None:
    save(tmp_path / "nightly")
    save(tmp_path / "below" / "audit.txt")
    (tmp_path / "run.json").write_text('{"magic": "reproaudit-trace", "verdict": 1}')
    (tmp_path / "report.sarif").write_text('{"$schema": "x", "verdict": 1}')
    (tmp_path / "empty.json").write_text("")
    listing = look(tmp_path)
    assert names(listing) == ["nightly", "below/audit.txt"]
    assert listing.broken == ()


def test_what_is_broken_is_listed_with_the_reason(tmp_path: Path) -> None:
    whole = to_json(ONE_DIVERGENCE)
    (tmp_path / "cut").write_text(whole[:400])
    (tmp_path / "old").write_text(whole.replace('"schema": 2', '"schema": 1', 1))
    (tmp_path / "result.json").write_bytes(b"\xff\xfe")
    found = {one.name: one.why for one in look(tmp_path).broken}
    assert found.keys() == {"cut", "old", "result.json"}
    assert found["old"] == "its schema is 1, this reproaudit reads 2"
    assert found["result.json"] == "it is not UTF-8 text"


def test_a_result_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "MOST_RESULT_BYTES", 1_000)
    save(tmp_path / "result.json")
    (broken,) = look(tmp_path).broken
    assert "at most 1,000 are read" in broken.why


def test_links_are_not_followed(tmp_path: Path) -> None:
    save(tmp_path / "outside" / "result.json")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "folder").symlink_to(tmp_path / "outside")
    (inside / "result.json").symlink_to(tmp_path / "outside" / "result.json")
    (inside / "round").symlink_to(inside)
    assert look(inside) == Listing(())


def test_a_file_that_becomes_a_link_is_not_read_through_it(tmp_path: Path) -> None:
    save(tmp_path / "secret" / "result.json", "the secret")
    shown = tmp_path / "shown"
    save(shown / "result.json")
    folder = AuditFolder(shown, show_headline)
    (audit,) = folder.look().audits
    (shown / "result.json").unlink()
    (shown / "result.json").symlink_to(tmp_path / "secret" / "result.json")
    with pytest.raises(NoAudit):
        folder.show(audit.id)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.json")
    assert look(tmp_path) == Listing(())


def test_depth_and_number_are_bounded_and_the_rest_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "a" / "b" / "result.json")
    save(tmp_path / "result.json")
    monkeypatch.setattr(walk_module, "_DEEPEST", 1)
    listing = look(tmp_path)
    assert names(listing) == ["result.json"]
    assert listing.is_cut
    monkeypatch.setattr(walk_module, "_DEEPEST", 2)
    assert not look(tmp_path).is_cut
    monkeypatch.setattr(walk_module, "_MOST_ENTRIES", 3)
    assert names(look(tmp_path)) == ["result.json"]
    assert look(tmp_path).is_cut
    monkeypatch.setattr(walk_module, "_MOST_ENTRIES", 4)
    monkeypatch.setattr(folder_module, "_MOST_AUDITS", 1)
    assert names(look(tmp_path)) == ["result.json"]
    assert look(tmp_path).is_cut


def test_a_folder_that_cannot_be_read_is_an_error_and_one_below_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "result.json")
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(path: str | Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    # Root may read every folder, whatever its mode.
    monkeypatch.setattr(os, "scandir", refuse)
    listing = look(tmp_path)
    assert names(listing) == ["result.json"]
    assert [(one.name, one.why) for one in listing.broken] == [("closed", "Permission denied")]
    with pytest.raises(FileNotFoundError):
        look(tmp_path / "missing")


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_two(tmp_path)
    folder = AuditFolder(tmp_path, show_headline)
    before = folder.look()
    reads = []
    read = folder_module._read

    def count(path: Path, name: str) -> AuditResult:
        reads.append(name)
        return read(path, name)

    monkeypatch.setattr(folder_module, "_read", count)
    assert folder.look() == before
    assert reads == []
    save(tmp_path / "first" / "result.json", "another headline")
    assert folder.look().audits[0].headline == "another headline"
    assert reads == ["first/result.json"]


def test_a_page_is_rendered_once_until_its_result_changes(tmp_path: Path) -> None:
    save_two(tmp_path)
    rendered = []

    def render(result: AuditResult, folder: Path) -> str:
        rendered.append(result.headline)
        return result.headline

    folder = AuditFolder(tmp_path, render)
    identity = folder.look().audits[0].id
    assert folder.show(identity) == folder.show(identity) == b"the first differs"
    assert rendered == ["the first differs"]
    save(tmp_path / "first" / "result.json", "it changed")
    assert folder.show(identity) == b"it changed"


def test_of_many_pages_the_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.json", f"audit {number}")
    rendered = []

    def render(result: AuditResult, folder: Path) -> str:
        rendered.append(result.headline)
        return result.headline

    monkeypatch.setattr(folder_module, "_MOST_PAGES", 2)
    folder = AuditFolder(tmp_path, render)
    identities = [audit.id for audit in folder.look().audits]
    for number in (0, 1, 0, 2, 0, 1):
        folder.show(identities[number])
    assert rendered == ["audit 0", "audit 1", "audit 2", "audit 1"]
    # One page is shown however large it is.
    monkeypatch.setattr(folder_module, "_MOST_PAGE_BYTES", 1)
    assert folder.show(identities[3]) == b"audit 3"


def test_what_is_gone_is_no_audit(tmp_path: Path) -> None:
    save_two(tmp_path)
    folder = AuditFolder(tmp_path, show_headline)
    first, second = folder.look().audits
    (tmp_path / "first" / "result.json").unlink()
    for ask in (folder.find, folder.show):
        with pytest.raises(NoAudit):
            ask(first.id)
    assert folder.find(second.id) == second
