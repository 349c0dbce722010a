"""`reproaudit report`: a saved result on the screen, in files and as an exit code."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from reproaudit.cli.main import main
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.model.result import AuditResult, Confidence, RunSummary
from reproaudit.model.verdict import Verdict
from reproaudit.report.json_report import to_json

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "reports" / "samples"


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.REPRODUCIBLE, 0),
        (Verdict.WITHIN_TOLERANCE, 0),
        (Verdict.NOT_REPRODUCIBLE, 1),
        (Verdict.NOT_AUDITED, 2),
    ],
)
def test_the_exit_code_follows_the_verdict(
    verdict: Verdict, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tuple(RunSummary(index, Outcome(OutcomeKind.COMPLETED, 0), 1, 1) for index in range(2))
    classes = ((0, 1),) if verdict in (Verdict.REPRODUCIBLE, Verdict.NOT_AUDITED) else ((0,), (1,))
    result = AuditResult(verdict, "two runs", "train.py", runs, classes, 1, Confidence())
    saved = tmp_path / "result.json"
    saved.write_text(to_json(result))
    assert main(["report", str(saved), "--report", f"json={tmp_path / 'again.json'}"]) == code
    assert (tmp_path / "again.json").read_text() == saved.read_text()
    assert "two runs" in capsys.readouterr().out


def test_a_report_that_cannot_be_written_leaves_no_half_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = SAMPLES / "vae" / "result.json"
    (tmp_path / "taken").mkdir()
    assert main(["report", str(sample), "--report", f"json={tmp_path / 'taken'}"]) == 2
    assert "[report-write]" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("case", sorted(path.parent.name for path in SAMPLES.glob("*/result.json")))
def test_a_sample_s_screen_is_what_its_result_renders_to(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["report", str(SAMPLES / case / "result.json")])
    assert capsys.readouterr().out == (SAMPLES / case / "terminal.txt").read_text()


def test_a_saved_result_that_is_no_bearable_file_is_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"\xe4")
    (tmp_path / "deep").write_text("[" * 500 + "]" * 500)
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(20 << 30)
    for path in ("/dev/zero", "pipe", "latin", "deep", "sparse", "."):
        assert main(["report", str(tmp_path / path)]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"reproaudit: error: cannot read {str(tmp_path / path)!r}: ")
        assert "Traceback" not in said


def test_an_error_does_not_pass_on_what_a_terminal_or_github_would_obey(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "result.json").write_text('{"schema": 2, "verdict": "x\\u001b[2J"}')
    assert main(["report", f"{tmp_path}/\x1b[2J"]) == 2
    assert main(["report", "a\n::error::b"]) == 2
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "\n::error" not in said


def test_the_samples_hold_no_absolute_path() -> None:
    for path in SAMPLES.rglob("*.json"):
        assert not re.search(
            r'"/(home|root|tmp|work|Users)', json.dumps(json.loads(path.read_text()))
        )
