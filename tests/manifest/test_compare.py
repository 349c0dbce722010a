"""Two manifests: all that differs is named, and the most likely cause first."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest

from reproaudit.config.settings import Settings
from reproaudit.knowledge.run_suspects import Area, Risk
from reproaudit.manifest.compare import RunComparison, compare_runs
from reproaudit.manifest.facts import list_arguments, list_manifest_facts, split_patch
from reproaudit.manifest.model import Code, CodeFile, Command, Gpu, Manifest, Package
from reproaudit.manifest.report import (
    comparison_schema_text,
    write_comparison_json,
    write_comparison_text,
)
from tests.manifest.manifests import FULL, MINIMAL, PATCH

VALIDATOR = jsonschema.Draft202012Validator(json.loads(comparison_schema_text()))


def compare(before: Manifest, after: Manifest) -> RunComparison:
    found = compare_runs(
        list_manifest_facts(before, "a.json"), list_manifest_facts(after, "b.json")
    )
    VALIDATOR.validate(json.loads(write_comparison_json(found)))
    return found


def names(found: RunComparison) -> list[tuple[Area, str]]:
    return [(one.area, one.name) for one in found.differences]


def with_versions(manifest: Manifest, **versions: str) -> Manifest:
    packages = {package.name: package for package in manifest.packages}
    packages |= {name: Package(name, version) for name, version in versions.items()}
    return replace(manifest, packages=tuple(packages.values()))


def with_patch(manifest: Manifest, patch: str) -> Manifest:
    code = replace(
        manifest.code, patch=patch, patch_bytes=len(patch), patch_digest=str(hash(patch))
    )
    return replace(manifest, code=code)


def test_what_was_withheld_is_not_said_to_be_equal() -> None:
    settings = Settings(env=(("HF_TOKEN", "(withheld)"),))
    made = replace(MINIMAL, settings=settings, command=Command("t.py", ("--key", "(withheld)")))
    found = compare(made, made)
    assert found.differences == ()
    assert "a.json: the value of key was withheld" in found.not_compared
    assert "b.json: the value of HF_TOKEN was withheld" in found.not_compared


def test_a_manifest_does_not_differ_from_itself() -> None:
    for manifest in (MINIMAL, FULL):
        found = compare(manifest, manifest)
        assert found.differences == ()
        assert write_comparison_text(found).startswith("no difference\n")


def test_a_version_a_line_and_a_seed_come_in_the_order_of_their_likelihood() -> None:
    other = with_versions(FULL, torch="2.14.0+cu126", numpy="2.5.0", pytest="9.9")
    other = with_patch(replace(other, settings=Settings(seed=1)), PATCH.replace("0.2", "0.3"))
    found = compare(FULL, other)
    assert names(found) == [
        (Area.SETTING, "seed"),
        (Area.CHANGE, "train.py"),
        (Area.PACKAGE, "torch"),
        (Area.PACKAGE, "numpy"),
        (Area.PACKAGE, "pytest"),
    ]
    assert [one.risk for one in found.differences] == [
        Risk.HIGH,
        Risk.HIGH,
        Risk.HIGH,
        Risk.MEDIUM,
        Risk.LOW,
    ]


def test_what_is_compared_the_other_way_round_is_the_same_with_sides_changed() -> None:
    other = replace(FULL, settings=Settings(), variables=(), packages=FULL.packages[1:])
    there, back = compare(FULL, other), compare(other, FULL)
    assert names(there) == names(back)
    assert [(one.before, one.after) for one in there.differences] == [
        (one.after, one.before) for one in back.differences
    ]
    assert len(there.differences) == 3


def test_the_differing_lines_of_two_patches_are_shown_and_the_others_are_not() -> None:
    other = PATCH.replace("0.2", "0.3").replace("@@ -1,2 +1,2 @@", "@@ -9,2 +9,2 @@ def f():")
    (found,) = compare(FULL, with_patch(FULL, other)).differences
    assert found.lines == ("A +lr = 0.2", "B +lr = 0.3")
    assert (found.before, found.after) == ("+1 -1 lines", "+1 -1 lines")


def test_a_change_that_only_moved_is_none() -> None:
    other = PATCH.replace("@@ -1,2 +1,2 @@", "@@ -9,2 +9,2 @@").replace("2222222", "3333333")
    assert compare(FULL, with_patch(FULL, other)).differences == ()


def test_a_changed_comment_is_hardly_a_cause() -> None:
    other = PATCH.replace("+lr = 0.2\n", "+lr = 0.2\n+# slower\n+\n")
    (found,) = compare(FULL, with_patch(FULL, other)).differences
    assert (found.area, found.risk) == (Area.COMMENT, Risk.LOW)
    assert found.lines == ("B +# slower", "B +")


def test_many_differing_lines_are_cut_and_counted() -> None:
    other = PATCH + "".join(f"+x{number} = 1\n" for number in range(100))
    (found,) = compare(FULL, with_patch(FULL, other)).differences
    assert (len(found.lines), found.lines_left_out) == (40, 60)
    assert "… and 60 more" in write_comparison_text(compare(FULL, with_patch(FULL, other)))


@pytest.mark.timeout(20)
def test_patches_of_many_thousand_lines_are_not_compared_line_by_line() -> None:
    long = PATCH + "".join(f"+x{number % 7} = {number}\n" for number in range(100_000))
    (found,) = compare(with_patch(FULL, long), with_patch(FULL, long + "+y = 1\n")).differences
    assert (found.name, found.lines) == ("train.py", ())
    assert found.lines_left_out


def test_a_patch_that_was_cut_differs_by_what_was_not_kept() -> None:
    cut = replace(FULL, code=replace(FULL.code, patch_bytes=10**6, patch_digest="1" * 64))
    other = replace(cut, code=replace(cut.code, patch_digest="2" * 64))
    found = compare(cut, other)
    assert names(found) == [(Area.CODE, "patch")]
    assert any("1,000,000 bytes" in text for text in found.not_compared)


def test_an_area_that_one_manifest_does_not_know_is_said_to_be_uncompared() -> None:
    found = compare(FULL, replace(FULL, code=Code(files=(CodeFile("ignored.py", 4, "f" * 64),))))
    assert "uncommitted change: only a.json says anything of it" in found.not_compared
    assert (Area.CHANGE, "train.py") not in names(found)


def test_a_fault_of_a_manifest_reaches_the_report() -> None:
    text = write_comparison_text(compare(FULL, FULL))
    assert "  a.json: something was not found out\n" in text


def test_another_seed_in_the_programs_own_arguments_comes_first() -> None:
    first = replace(FULL, command=Command("train.py", ("--lr", "0.1", "--seed", "1")))
    other = replace(FULL, command=Command("train.py", ("--lr", "0.2", "--seed=2", "--fast")))
    assert names(compare(first, other)) == [
        (Area.PARAMETER, "seed"),
        (Area.PARAMETER, "fast"),
        (Area.PARAMETER, "lr"),
    ]


def test_a_gpu_fewer_is_a_difference_of_high_risk() -> None:
    fewer = replace(FULL, hardware=replace(FULL.hardware, gpus=(Gpu("Some GPU", 1024),)))
    (found,) = compare(FULL, fewer).differences
    assert (found.name, found.risk) == ("gpus", Risk.HIGH)


def test_a_variable_given_by_us_counts_once() -> None:
    def given(value: str) -> Manifest:
        settings = Settings(env=(("OMP_NUM_THREADS", value), ("LR", value)))
        return replace(FULL, settings=settings, variables=(("OMP_NUM_THREADS", value),))

    assert names(compare(given("1"), given("2"))) == [
        (Area.PARAMETER, "LR"),
        (Area.VARIABLE, "OMP_NUM_THREADS"),
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("--lr 0.1 -v", [("lr", "0.1"), ("v", "given")]),
        ("--lr=0.1 --shift -1", [("lr", "0.1"), ("shift", "-1")]),
        ("seed=1 +trainer.fast=true a b", [("seed", "1"), ("trainer.fast", "true")]),
    ],
)
def test_arguments_have_names(words: str, found: list[tuple[str, str]]) -> None:
    listed = [(name, value) for _, name, value in list_arguments(words.split())]
    assert listed[: len(found)] == found
    assert [name for name, _ in listed[len(found) :]] == ["argument 1", "argument 2"][
        : len(listed) - len(found)
    ]


def test_each_file_of_a_patch_has_its_section() -> None:
    deleted = "diff --git a/x y.py b/x y.py\n--- a/x y.py\t\n+++ /dev/null\n-x\n"
    binary = "diff --git a/w.bin b/w.bin\nBinary files a/w.bin and b/w.bin differ\n"
    assert list(split_patch(f"noise\n{PATCH}{deleted}{binary}")) == ["train.py", "x y.py", "w.bin"]


def test_nothing_that_a_stranger_wrote_reaches_the_terminal_unescaped() -> None:
    evil = "\x1b[2J\n::error::x\u202e"
    hostile = replace(
        FULL,
        packages=(Package(evil, evil),),
        torch=((evil, evil),),
        variables=((evil, evil),),
        faults=(evil,),
        code=replace(FULL.code, patch=PATCH + f"+{evil}\n", untracked=(CodeFile(evil, 1, "1"),)),
        container=replace(FULL.container, build=((evil, evil),)),
    )
    found = compare(FULL, hostile)
    text = write_comparison_text(found)
    assert all(line.isprintable() for line in text.splitlines())
    assert "\n::error" not in text
    assert write_comparison_json(found).isascii()


def test_many_packages_are_cut_in_the_text_alone() -> None:
    many = {f"package-{number:03}": "1" for number in range(50)}
    found = compare(FULL, with_versions(FULL, **many))
    text = write_comparison_text(found)
    assert "… and 30 more (all in the JSON report)" in text
    assert len(found.differences) == 50
