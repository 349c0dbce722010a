"""Owns manifest.json: a Manifest as text and back, checked key by key on the way in.

Format history (the key "version"; any key that is added, dropped or retyped is a new number)
  1  first version

`manifest_schema.json` describes it for others. Keys and entries have a fixed order, and everything
that is not printable ASCII is escaped.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from reproaudit.codec import Malformed, decode, encode, parse_json, quote
from reproaudit.errors import UsageError
from reproaudit.files import Unreadable, legible, read_text
from reproaudit.manifest.model import MAGIC, MANIFEST_VERSION, Manifest
from reproaudit.report.json_text import write_json

MOST_BYTES = 16 << 20
_SNIFFED = 200  # bytes of a file
_HINT = "name the file that `reproaudit manifest --out FILE` wrote; of a trace, name its folder"


def to_json(manifest: Manifest) -> str:
    """Return manifest.json, the same bytes for the same manifest."""
    head = {"magic": MAGIC, "version": MANIFEST_VERSION}
    # What begins a command for some CI services, wherever in a line it stands.
    return write_json(legible(head | encode(Manifest, manifest))).replace("##[", r"\u0023#[")


def from_json(text: str, name: str) -> Manifest:
    """Read what `to_json` wrote. Raise UsageError for anything else, and call the text `name`."""
    try:
        return _read(parse_json(text), name)
    except Malformed as fault:
        raise UsageError(
            f"cannot read {name!r}: {fault}", code="manifest-corrupt", hint=_HINT
        ) from None


def _read(document: Any, name: str) -> Manifest:
    if not isinstance(document, dict) or document.pop("magic", None) != MAGIC:
        raise Malformed("it is JSON, but no manifest")
    version = document.pop("version", None)
    if type(version) is not int:
        raise Malformed(f"version is {quote(version)}, not a whole number")
    if version != MANIFEST_VERSION:
        raise UsageError(
            f"cannot read {name!r}: its version is {quote(version)}, this reproaudit reads "
            f"{MANIFEST_VERSION}",
            code="manifest-version",
            hint="make it again, or use the reproaudit that wrote it",
        )
    manifest: Manifest = decode(Manifest, document)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in a file. Raise UsageError if it cannot be read."""
    try:
        text = read_text(path, MOST_BYTES)
    except FileNotFoundError:
        why = "there is no such file"
    except Unreadable as error:
        why = str(error)
    else:
        return from_json(text, str(path))
    raise UsageError(f"cannot read {str(path)!r}: {why}", code="manifest-unreadable", hint=_HINT)


def begins_as_json(path: str) -> bool:
    """Return True for a regular file that begins as a JSON object, whatever its name."""
    try:
        if not os.path.isfile(path):  # to open a pipe would wait
            return False
        with open(path, "rb") as file:
            return file.read(_SNIFFED).lstrip().startswith(b"{")
    except (OSError, ValueError):
        return False


def schema_text() -> str:
    """Return the JSON Schema (draft 2020-12) of manifest.json."""
    return files("reproaudit.manifest").joinpath("manifest_schema.json").read_text(encoding="utf-8")
