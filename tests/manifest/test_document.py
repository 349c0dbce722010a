"""manifest.json: what is written is read back, and anything else is refused in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.config.settings import Settings
from reproaudit.errors import UsageError
from reproaudit.manifest.document import from_json, read_manifest, schema_text, to_json
from reproaudit.manifest.model import Manifest, Package
from tests.manifest.manifests import FULL, MINIMAL

VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema_text()))
names = st.text(min_size=1, max_size=8)


@pytest.mark.parametrize("manifest", [MINIMAL, FULL])
def test_a_manifest_is_read_back_and_fits_the_schema(manifest: Manifest) -> None:
    text = to_json(manifest)
    VALIDATOR.validate(json.loads(text))
    assert from_json(text, "a.json") == manifest
    assert text.isascii()


def test_the_schema_names_every_key() -> None:
    document = json.loads(to_json(FULL))
    assert set(document) == set(VALIDATOR.schema["properties"])


@given(
    packages=st.lists(st.builds(Package, name=names, version=names), max_size=3),
    variables=st.dictionaries(names, names, max_size=3),
)
def test_any_text_is_read_back(packages: list[Package], variables: dict[str, str]) -> None:
    made = replace(FULL, packages=tuple(packages), variables=tuple(variables.items()))
    text = to_json(made)
    assert from_json(text, "a.json") == made
    assert "##[" not in text


def test_a_lone_surrogate_of_a_file_name_is_written_out() -> None:
    text = to_json(replace(MINIMAL, faults=("\udc80",)))
    assert from_json(text, "a.json").faults == ("\\udc80",)


def changed(**keys: object) -> str:
    return json.dumps(json.loads(to_json(MINIMAL)) | keys)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "manifest-corrupt", "it is not JSON"),
        ("[]", "manifest-corrupt", "it is JSON, but no manifest"),
        ("{}", "manifest-corrupt", "it is JSON, but no manifest"),
        ('{"magic": ["reproaudit-manifest"]}', "manifest-corrupt", "no manifest"),
        (changed(version=2), "manifest-version", "its version is 2, this reproaudit reads 1"),
        (changed(version=True), "manifest-corrupt", "version is True, not a whole number"),
        (changed(version=10**400), "manifest-version", "its version is 1000"),
        (changed(packages=3), "manifest-corrupt", "packages: expected a list"),
        (changed(hardware={"cores": -1}), "manifest-corrupt", "hardware.cores: expected a whole"),
        (changed(new=1), "manifest-corrupt", "unknown key 'new'"),
        (changed(settings={"seed": "x"}), "manifest-corrupt", "settings: seed cannot be 'x'"),
        ("[" * 100_000, "manifest-corrupt", "nested too deeply"),
        ('{"magic": "reproaudit-manifest", "magic": 1}', "manifest-corrupt", "a key twice"),
    ],
)
def test_anything_else_is_refused_in_one_line(text: str, code: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_json(text, "a.json")
    assert caught.value.code == code
    assert said in caught.value.message
    assert caught.value.message.startswith("cannot read 'a.json': ")
    assert "\n" not in caught.value.message


def test_a_giant_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "giant.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match="at most 16,777,216 are read") as caught:
        read_manifest(path)
    assert caught.value.code == "manifest-unreadable"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        read_manifest(tmp_path / "none.json")


def test_our_settings_are_read_back_as_such() -> None:
    settings = Settings(seed=1, deterministic="warn", env=(("A", "1"),))
    assert from_json(to_json(replace(MINIMAL, settings=settings)), "a").settings == settings
