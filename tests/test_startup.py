from __future__ import annotations

import os

from reproaudit.startup import (
    ENTRY_VARIABLE,
    PLACE_VARIABLE,
    PLAN_VARIABLE,
    RECORDER,
    SITE_VARIABLE,
    name_recorder,
    put_first,
)


def test_a_run_names_the_recorder_and_its_plan() -> None:
    found = name_recorder({"A": "b"}, "/x/run.plan.json", is_site=False)
    assert found == {"A": "b", ENTRY_VARIABLE: RECORDER, PLAN_VARIABLE: "/x/run.plan.json"}
    assert os.path.isfile(RECORDER)


def test_what_an_audit_around_this_one_said_does_not_count() -> None:
    outer = {PLACE_VARIABLE: "1:python-1:", SITE_VARIABLE: "/elsewhere"}
    found = name_recorder(outer, "/x", is_site=False)
    assert PLACE_VARIABLE not in found
    assert SITE_VARIABLE not in found


def test_without_an_installed_file_interpreters_find_it_through_the_path() -> None:
    found = name_recorder({"PYTHONPATH": "/mine"}, "/x", is_site=True)
    site = found[SITE_VARIABLE]
    assert found["PYTHONPATH"] == f"{site}{os.pathsep}/mine"
    assert os.listdir(site) == ["sitecustomize.py"] or "sitecustomize.py" in os.listdir(site)


def test_a_folder_is_first_on_the_path_once() -> None:
    assert put_first("/a", "") == "/a"
    assert put_first("/a", os.pathsep.join(["/b", "/a", ""])) == os.pathsep.join(["/a", "/b"])
