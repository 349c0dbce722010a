"""The installed distributions of this interpreter, and what torch says of its own build.

Nothing is imported: all of it stands in files beside the packages.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from reproaudit.config.settings import Pairs
from reproaudit.manifest.model import Package
from reproaudit.manifest.repository import GitFailed, read_repository

_SEPARATORS = re.compile(r"[-_.]+")
_TORCH_FACTS = {"cuda": "cuda", "hip": "hip", "git_version": "git", "debug": "debug"}


@dataclass(frozen=True, slots=True)
class _Origin:
    kind: str = ""
    url: str = ""
    commit: str = ""
    folder: Path | None = None


def list_packages() -> tuple[Package, ...]:
    """Return every installed distribution once, as imports find it, by name."""
    found: dict[str, Package] = {}
    for distribution in distributions():
        name = _read_name(distribution)
        # An entry without a name is what an interrupted installation leaves. Of two, the first is
        # the one that is imported.
        if name and name not in found:
            found[name] = _describe(name, distribution)
    return tuple(found[name] for name in sorted(found))


def normalise_name(name: str) -> str:
    """Return a distribution's name as indexes compare it: lower case, with hyphens."""
    return _SEPARATORS.sub("-", name).lower()


def read_torch_build() -> Pairs:
    """Return what torch was built with: "cuda", "hip", "git", "debug"; () if it is not there."""
    for distribution in distributions(name="torch"):
        text = _read(Path(str(distribution.locate_file("torch/version.py"))))
        found = re.findall(r"^(\w+)\s*(?::[^=\n]*)?=\s*(.*?)\s*$", text, re.MULTILINE)
        values = {name: value.strip("'\"") for name, value in found}
        return tuple(
            (shown, values[name])
            for name, shown in _TORCH_FACTS.items()
            if values.get(name) not in (None, "None", "False")
        )
    return ()


def _read_name(distribution: Distribution) -> str:
    # For a folder that lost its file `metadata` is None, whatever the annotations say, or raises:
    # whose class it is depends on whether the package importlib_metadata was imported before.
    try:
        metadata: Any = distribution.metadata
    except FileNotFoundError:
        return ""
    name = metadata["Name"] if metadata is not None else None
    return normalise_name(name) if name else ""


def _describe(name: str, distribution: Distribution) -> Package:
    origin = _read_origin(distribution)
    commit, patch_digest = origin.commit, ""
    if origin.folder is not None:
        # The version of a package that is being worked on says little of what it computes.
        try:
            state = read_repository(origin.folder, with_untracked=False)
        except GitFailed:
            state = None
        if state is not None:
            commit, patch_digest = state.commit, state.patch.digest
    return Package(
        name=name,
        version=str(distribution.version or ""),
        origin=origin.kind,
        url=origin.url,
        commit=commit,
        patch_digest=patch_digest,
    )


def _read_origin(distribution: Distribution) -> _Origin:
    """Return what direct_url.json says (PEP 610); nothing for one from an index."""
    text = distribution.read_text("direct_url.json")
    if not text:
        return _Origin()
    try:
        document = json.loads(text)
        url = strip_credentials(document["url"])
        if "vcs_info" in document:
            vcs = document["vcs_info"]
            return _Origin(str(vcs["vcs"]), url, str(vcs["commit_id"]))
        if "dir_info" in document:
            is_editable = bool(document["dir_info"].get("editable"))
            kind = "editable" if is_editable else "directory"
            folder = Path(unquote(urlsplit(url).path))
            return _Origin(kind, url, folder=folder if folder.is_dir() else None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError):
        return _Origin("unreadable")  # written by hand, or cut off
    return _Origin("archive", url)


def strip_credentials(url: str) -> str:
    """Return a URL without the user and the password that it may name."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
