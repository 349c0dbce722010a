"""What a hosting platform reads of this repository: the workflow, forms of issues, the citation."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from reproaudit import __version__

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests" / "report" / "schemas"
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def loaded(path: Path) -> Any:
    # YAML 1.1 reads the key `on` as True, and a version such as 3.10 as a number.
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def faults(document: Any, schema: str) -> list[str]:
    validator = Draft7Validator(json.loads((SCHEMAS / schema).read_text(encoding="utf-8")))
    return [error.message for error in validator.iter_errors(document)]


def commands() -> list[list[str]]:
    """Return what the workflow runs, word by word."""
    jobs = loaded(WORKFLOW)["jobs"].values()
    lines = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    return [shlex.split(re.sub(r"\$\{\{.*?\}\}", "VALUE", line)) for line in lines]


def test_the_workflow_is_valid_against_the_published_schema() -> None:
    document = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    document["on"] = document.pop(True)
    assert faults(document, "github-workflow.json") == []


def test_the_workflow_runs_nothing_but_targets_of_make_and_the_script_of_ci() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z]+):", makefile, re.MULTILINE)
    for command in commands():
        if command != [".ci/run"]:
            assert command[0] == "make"
            assert command[1] in targets
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    said = {word for command in commands() for word in command}
    assert {"lint", "compat", "docs", "wheel"} <= said


def test_the_workflow_tests_the_oldest_python_and_torch_that_are_supported() -> None:
    jobs = loaded(WORKFLOW)["jobs"]
    (python,) = re.findall(r'requires-python = ">=(.+)"', PYPROJECT)
    assert jobs["test"]["strategy"]["matrix"]["python"][0] == python
    (torch,) = re.findall(r'"torch>=([0-9.]+)"', PYPROJECT)
    assert jobs["torch"]["strategy"]["matrix"]["torch"][0].startswith(f"{torch}.")


def test_a_job_may_read_the_repository_and_no_more_and_does_not_run_for_ever() -> None:
    workflow = loaded(WORKFLOW)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert 0 < int(job["timeout-minutes"]) <= 60
        assert "permissions" not in job


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_of_issues_is_valid_against_the_published_schema(path: Path) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert faults(document, "github-issue-forms.json") == []
    assert any(
        part.get("validations", {}).get("required") for part in document["body"] if "id" in part
    )


def test_there_is_a_form_for_a_wrong_answer() -> None:
    assert "wrong-answer" in [path.stem for path in FORMS]


def test_the_citation_is_valid_and_names_this_version_and_the_authors_of_the_package() -> None:
    citation = loaded(ROOT / "CITATION.cff")
    assert faults(citation, "citation-file-format.json") == []
    assert citation["version"] == __version__
    assert [f'{{ name = "{one["name"]}" }}' for one in citation["authors"]] == re.findall(
        r"authors = \[(.+)\]", PYPROJECT
    )
    heading = f"\n## {citation['version']} ({citation['date-released']})\n"
    assert heading in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
