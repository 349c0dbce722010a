"""The composite action: its metadata, and its shell run as GitHub's runner runs it, with a stub for
the interpreter."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from reproaudit.cli.arguments import make_audit_parser, split_words
from reproaudit.cli.ci import make_ci_parser

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "tests" / "report" / "schemas" / "github-action.json"
EXPRESSION = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
BASH = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"]  # what `shell: bash` stands for

# Stands for the interpreter: keeps its arguments, prints, writes the reports that are asked for,
# and exits as told.
STUB = """#!/usr/bin/env bash
printf '%s\\0' "$@" > "$STUB_CALL"
echo "::error::printed by the audited program"
if [ "$STUB_WRITES" = yes ]; then
  for word in "$@"; do
    case "$word" in
      github=*) echo "::error file=train.py,line=3::differs" > "${word#github=}" ;;
      junit=* | sarif=* | codequality=* | markdown=* | html=*)
        echo "rendered ${word%%=*}" > "${word#*=}" ;;
    esac
  done
fi
exit "$STUB_CODE"
"""


def action() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return loaded


def step(name: str) -> dict[str, Any]:
    return next(entry for entry in action()["runs"]["steps"] if entry["name"] == name)


@dataclass(frozen=True)
class Done:
    code: int
    words: list[str]  # what the interpreter was called with
    printed: list[str]
    summary: str
    outputs: str
    folder: Path


def run(
    folder: Path,
    inputs: dict[str, str] | None = None,
    *,
    code: int = 0,
    writes: bool = True,
    name: str = "Audit",
) -> Done:
    """Run a step in `folder`, with these inputs and the defaults of the others."""
    stub = folder / "the python"
    stub.write_text(STUB)
    stub.chmod(0o755)
    given = {key: entry["default"] for key, entry in action()["inputs"].items()} | {
        "python": str(stub)
    }
    given |= inputs or {}
    env = {
        key: EXPRESSION.sub(lambda found: given[found[1]], value)
        for key, value in step(name)["env"].items()
    }
    env |= {
        "PATH": os.environ["PATH"],
        "GITHUB_ACTION_PATH": "/the action",
        "STUB_CALL": str(folder / "call"),
    }
    env |= {"GITHUB_STEP_SUMMARY": str(folder / "summary"), "GITHUB_OUTPUT": str(folder / "output")}
    env |= {"STUB_CODE": str(code), "STUB_WRITES": "yes" if writes else "no"}
    script = folder / "step.sh"
    script.write_text(step(name)["run"])
    for file in ("summary", "output", "call"):
        (folder / file).write_text("")
    done = subprocess.run(
        [*BASH, str(script)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    words = (folder / "call").read_text().split("\0")[:-1]
    texts = [(folder / file).read_text() for file in ("summary", "output")]
    return Done(done.returncode, words, done.stdout.splitlines(), *texts, folder)


def test_the_metadata_is_valid_against_the_published_schema() -> None:
    Draft7Validator(json.loads(SCHEMA.read_text())).validate(action())


def test_inputs_reach_the_shell_through_the_environment_alone() -> None:
    for entry in action()["runs"]["steps"]:
        assert "${{" not in entry["run"]
        assert all(EXPRESSION.fullmatch(value) for value in entry["env"].values())
    used = {name for entry in action()["runs"]["steps"] for name in EXPRESSION.findall(str(entry))}
    assert used | {"install"} == set(action()["inputs"])
    assert step("Install reproaudit")["if"] == "inputs.install == 'true'"


def test_the_action_itself_is_installed_into_the_interpreter_that_was_named(tmp_path: Path) -> None:
    done = run(tmp_path, name="Install reproaudit")
    assert done.words == ["-m", "pip", "install", "--quiet", "/the action"]


@pytest.mark.parametrize("code", [0, 1, 2, 127])
def test_the_exit_code_is_passed_on_after_summary_and_outputs_are_written(
    tmp_path: Path, code: int
) -> None:
    done = run(tmp_path, code=code)
    assert done.code == code
    assert done.summary == "rendered markdown\n"
    assert done.printed[-1] == "::error file=train.py,line=3::differs"
    assert f"exit-code={code}\n" in done.outputs
    assert f"\n{tmp_path}/reproaudit-reports/report.sarif\n" in done.outputs


def test_without_a_subject_the_gate_is_called_with_words_that_it_takes(tmp_path: Path) -> None:
    done = run(tmp_path, {"baseline": "my baseline.json", "options": "--steps=20\n\n--only=a b\n"})
    start, words = done.words[:2], done.words[2:]
    assert start[0] == "-c"
    assert words[0] == "ci"
    parsed = make_ci_parser().parse_args(words[1:])
    assert (str(parsed.baseline), parsed.only) == ("my baseline.json", ["a b"])
    folder = f"{tmp_path}/reproaudit-reports"
    assert sorted(parsed.report) == [
        ("codequality", f"{folder}/codequality.json"),
        ("github", f"{folder}/annotations.txt"),
        ("html", f"{folder}/page.html"),
        ("junit", f"{folder}/junit.xml"),
        ("markdown", f"{folder}/summary.md"),
        ("sarif", f"{folder}/report.sarif"),
    ]


def test_a_subject_is_audited_with_its_own_arguments(tmp_path: Path) -> None:
    words = run(tmp_path, {"subject": "my train.py\n--runs\n7\n", "options": "--runs=3"}).words[2:]
    ours, subject, own = split_words(make_audit_parser(), words)
    assert make_audit_parser().parse_args(ours).runs == 3
    assert (subject, own) == ("my train.py", ["--runs", "7"])


HOSTILE = """$(touch made) `touch made` "; touch made; ' && touch made # \\ *"""


@pytest.mark.parametrize("name", ["subject", "options", "baseline", "reports"])
def test_an_input_is_never_run_as_shell_code(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, {name: HOSTILE}, code=1)
    assert done.code == 1
    assert any(HOSTILE in word for word in done.words)
    assert not list(tmp_path.rglob("made"))


def test_what_the_program_prints_is_no_workflow_command(tmp_path: Path) -> None:
    printed = run(tmp_path).printed
    token = printed[0].removeprefix("::stop-commands::")
    assert re.fullmatch(r"reproaudit-[0-9a-f]{32}", token)
    assert printed.index("::error::printed by the audited program") < printed.index(f"::{token}::")
    again = run(tmp_path).printed[0]
    assert again != printed[0]


def test_if_no_report_was_written_summary_and_annotation_say_so(tmp_path: Path) -> None:
    done = run(tmp_path, code=2, writes=False)
    assert done.code == 2
    assert done.summary == "## reproaudit: no report was written (exit code 2)\n"
    assert done.printed[-1].startswith(
        "::error title=reproaudit::Nothing was audited (exit code 2)"
    )
    assert "sarif" not in done.outputs


def test_a_report_of_an_earlier_audit_is_not_taken_for_one_of_this(tmp_path: Path) -> None:
    run(tmp_path)
    done = run(tmp_path, code=2, writes=False)
    assert "rendered" not in done.summary
    assert list((tmp_path / "reproaudit-reports").iterdir()) == []


def test_a_folder_with_a_line_break_in_its_name_sets_no_further_output(tmp_path: Path) -> None:
    done = run(tmp_path, {"reports": "a\nexit-code=0\nb"}, code=1)
    lines = done.outputs.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("sarif<<"))
    assert lines[-1] == lines[start].removeprefix("sarif<<")
    assert lines[:start] == ["exit-code=1"]


@pytest.mark.slow
def test_the_real_command_fails_the_step_for_a_program_that_is_not_reproducible(
    tmp_path: Path,
) -> None:
    (tmp_path / "step.py").write_text(
        "import torch\n\ndef step():\n    torch.rand(3, requires_grad=True).sum().backward()\n"
    )
    # A file with the name of a module that reproaudit imports, and the program does not.
    (tmp_path / "shlex.py").write_text("raise SystemExit('imported')\n")
    options = "--runs=2\n--steps=1\n--no-diagnosis\n--no-alerts\n--quiet"
    done = run(tmp_path, {"subject": "step.py::step", "options": options, "python": sys.executable})
    assert (done.code, done.summary.splitlines()[0]) == (1, "## reproaudit: 1 not reproducible")
    assert done.printed[-1] == "reproaudit: 1 audit, 1 not reproducible"
    assert [
        line
        for line in done.printed
        if line.startswith("::error title=step.py%3A%3Astep%3A no-source-located")
    ]
