"""The examples for other people's CI: valid against the published schemas, and their commands ones
that there are."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from reproaudit.cli.check import make_check_parser
from reproaudit.cli.ci import make_ci_parser
from reproaudit.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests" / "report" / "schemas"
CI = ROOT / "examples" / "ci"


def loaded(path: Path) -> Any:
    # YAML 1.1 reads the key `on` of a workflow as True.
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text())


def test_the_workflow_is_valid_against_the_published_schema() -> None:
    document = yaml.safe_load((CI / "github-workflow.yml").read_text())
    document["on"] = document.pop(True)
    Draft7Validator(schema("github-workflow.json")).validate(document)


def test_the_workflow_names_inputs_and_reports_as_the_action_has_them() -> None:
    action = loaded(ROOT / "action.yml")
    steps = loaded(CI / "github-workflow.yml")["jobs"]["audit"]["steps"]
    (audit,) = [step for step in steps if "reproaudit@" in step.get("uses", "")]
    assert set(audit["with"]) <= set(action["inputs"])
    make_ci_parser().parse_args(audit["with"]["options"].split())
    (upload,) = [step for step in steps if "upload-sarif" in step.get("uses", "")]
    assert upload["with"]["sarif_file"] == f"{action['inputs']['reports']['default']}/report.sarif"
    assert upload["if"].startswith("always()")


def test_the_gitlab_job_is_valid_against_the_published_schema() -> None:
    Draft7Validator(schema("gitlab-ci.json")).validate(
        yaml.safe_load((CI / "gitlab-ci.yml").read_text())
    )


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_gitlab_job_fails_with_the_gate_s_exit_code_and_uploads_the_reports_that_it_writes(
    tmp_path: Path, code: int
) -> None:
    job = loaded(CI / "gitlab-ci.yml")["reproducibility"]
    stub = tmp_path / "bin" / "reproaudit"
    stub.parent.mkdir()
    stub.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > called\nexit "$STUB_CODE"\n')
    stub.chmod(0o755)
    env = {"PATH": f"{stub.parent}:{os.environ['PATH']}", "STUB_CODE": str(code)}
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(job["script"])],
        cwd=tmp_path,
        env=env,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    words = (tmp_path / "called").read_text().splitlines()
    assert words[0] == "ci"
    written = dict(make_ci_parser().parse_args(words[1:]).report)
    assert {name: written[name] for name in ("junit", "codequality")} == job["artifacts"]["reports"]
    assert job["artifacts"]["when"] == "always"


def test_the_pre_commit_hooks_have_the_keys_that_pre_commit_documents() -> None:
    Draft202012Validator(schema("pre-commit-hooks.json")).validate(
        yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    )


@pytest.mark.parametrize(
    ("hook", "parser"), [("reproaudit-check", make_check_parser), ("reproaudit-ci", make_ci_parser)]
)
def test_a_pre_commit_hook_calls_a_command_that_there_is_and_gets_no_file_names(
    hook: str, parser: Any
) -> None:
    (entry,) = [entry for entry in loaded(ROOT / ".pre-commit-hooks.yaml") if entry["id"] == hook]
    program, command, *words = shlex.split(entry["entry"])
    assert program == "reproaudit"
    assert command in COMMANDS
    parser().parse_args(words)
    assert entry["pass_filenames"] == "false"
