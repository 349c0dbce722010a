"""A Dockerfile and a lock of packages to run under again, pinned by what a manifest lists.

A manifest may come from a stranger: what is not a plain name, version or value is written into a
comment, escaped, and never into an instruction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from reproaudit.config.settings import list_settings
from reproaudit.errors import UsageError
from reproaudit.knowledge.secret_words import WITHHELD
from reproaudit.manifest.facts import is_cut
from reproaudit.manifest.model import Manifest, Package
from reproaudit.printable import make_printable

LOCK = "requirements.lock"
DOCKERFILE = "Dockerfile"
PATCH = "changes.patch"

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._+!-]*[A-Za-z0-9])?")
_PYTHON = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:(?:a|b|rc)[0-9]+)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FOLDER = re.compile(r"[\w./@+=-]+")
_TOP = "/project"
# The image brings its own; another one in its place changes nothing that runs.
_OF_THE_IMAGE = frozenset({"pip"})


def write_files(manifest: Manifest) -> dict[str, str]:
    """Return the texts of the files by their names: Dockerfile, lock, and the uncommitted changes.

    Raises UsageError if the manifest names no version of Python that an image could have.
    """
    files = {DOCKERFILE: write_dockerfile(manifest), LOCK: write_lock(manifest)}
    if manifest.code.patch and not _is_patch_cut(manifest):
        files[PATCH] = manifest.code.patch
    return files


def write_lock(manifest: Manifest) -> str:
    """Return the installed packages as pip reads them, each at its version.

    What does not come from an index by its version is a comment that says what is missing.
    """
    lines = ["# Every package that was installed. Complete in itself: pip install --no-deps"]
    labels = sorted({_find_label(package) for package in manifest.packages} - {""})
    for label in labels:
        lines += [
            f"# Builds labelled +{label} are on no default index. Name the one that has them, for",
            "# torch the one of its vendor's page on installing, and take the mark from this line:",
            f"# --extra-index-url <index of the {label} builds>",
        ]
    for package in manifest.packages:
        if package.name not in _OF_THE_IMAGE:
            lines.append(_pin(package))
    return "\n".join(lines) + "\n"


def _find_label(package: Package) -> str:
    if package.origin or not _VERSION.fullmatch(package.version):
        return ""
    return package.version.partition("+")[2]


def _pin(package: Package) -> str:
    exact = f"{package.name}=={package.version}"
    if not (_NAME.fullmatch(package.name) and _VERSION.fullmatch(package.version)):
        return f"# no name or version that pip knows: {make_printable(exact)}"
    if not package.origin:
        return exact
    url = make_printable(package.url)
    where = f"{url} at {make_printable(package.commit)}" if package.commit else url
    changed = ", with uncommitted changes" if package.patch_digest else ""
    if package.origin in ("editable", "directory"):
        return f"# copy its source into the image and install that: {exact} from {where}{changed}"
    if package.origin == "archive":
        return f"# take the mark away where this can be reached: {package.name} @ {url}"
    if package.origin == "unreadable":
        return f"# nobody knows where it came from: {exact}"
    source = f"{make_printable(package.origin)}+{url}@{make_printable(package.commit)}"
    return f"# take the mark away where this can be reached: {package.name} @ {source}"


def write_dockerfile(manifest: Manifest) -> str:
    """Return a Dockerfile that installs the lock beside it on the same version of Python."""
    version = manifest.python.version
    if not _PYTHON.fullmatch(version):
        raise UsageError(
            f"no image has Python {version[:40]!r}",
            code="manifest-corrupt",
            hint="make the manifest again with a released version of Python",
        )
    lines = [
        *(f"# {make_printable(line)}" for line in _list_remarks(manifest)),
        f"FROM python:{version}-slim",
        *_write_variables(manifest),
        f"WORKDIR {_TOP}",
        f"COPY {LOCK} ./",
        f"RUN pip install --no-cache-dir --no-deps --requirement {LOCK}",
        "COPY . .",
        *_write_command(manifest),
    ]
    return "\n".join(lines) + "\n"


def _list_remarks(manifest: Manifest) -> Iterator[str]:
    code = manifest.code
    yield "The environment of a run, as far as an image can hold it."
    if code.commit:
        yield f"Put these files into a checkout of {code.commit}, and build there:"
        if code.patch_digest and not _is_patch_cut(manifest):
            yield f"  git apply {PATCH}"
        yield "  docker build --tag run ."
    else:
        yield "Put these files beside the program, of which no commit is known, and build there:"
        yield "  docker build --tag run ."
    for text in _list_unpinned(manifest):
        yield f"Not pinned: {text}"


def _list_unpinned(manifest: Manifest) -> Iterator[str]:
    """Yield what the image leaves open; a container takes much of it from its host."""
    hardware, system = manifest.hardware, manifest.system
    yield f"the processor; it was {hardware.cpu or 'unknown'}, {hardware.capability or 'unknown'}"
    yield f"the number of cores; {hardware.cores} could be used"
    if hardware.gpus:
        models = ", ".join(gpu.model for gpu in hardware.gpus)
        yield f"GPUs and their driver; they were {models}, and {hardware.driver or 'unknown'}"
    yield f"the kernel; it was {system.name} {system.release}"
    yield f"libraries of the system; they were of {system.distribution or 'unknown'}, {system.libc}"
    if manifest.python.implementation != "CPython":
        yield f"the implementation of Python; it was {manifest.python.implementation}"
    if _is_patch_cut(manifest):
        yield f"uncommitted changes of {manifest.code.patch_bytes:,} bytes, too many to be kept"
    if "\nBinary files " in manifest.code.patch:
        yield f"binary files that were changed: {PATCH} does not hold them"
    if manifest.code.untracked:
        yield f"{len(manifest.code.untracked)} untracked files, known by their digests alone"
    if any(package.origin for package in manifest.packages):
        yield f"packages that did not come from an index by version: see {LOCK}"
    for name, value in list_settings(manifest.settings):
        if not name.startswith("env."):
            yield f"{name} = {value}, which reproaudit sets itself: see reproaudit record --help"


def _is_patch_cut(manifest: Manifest) -> bool:
    return is_cut(manifest.code.patch, manifest.code.patch_bytes)


def _write_variables(manifest: Manifest) -> Iterator[str]:
    variables = {**dict(manifest.variables), **dict(manifest.settings.env)}
    for name, value in sorted(variables.items()):
        fits = _VARIABLE.fullmatch(name) and value.isprintable() and WITHHELD not in value
        if fits:
            quoted = re.sub(r'(["\\$])', r"\\\1", value)
            yield f'ENV {name}="{quoted}"'
        else:
            yield f"# to be set by hand: {make_printable(name)} = {make_printable(value)}"


def _write_command(manifest: Manifest) -> Iterator[str]:
    command = manifest.command
    if not command.subject:
        return
    if command.folder:
        if _FOLDER.fullmatch(command.folder) and ".." not in command.folder.split("/"):
            yield f"WORKDIR {_TOP}/{command.folder}"
        else:
            yield f"# the folder it started in: {make_printable(command.folder)}"
    program = _find_program(command.subject)
    words = [*program, *command.arguments]
    if not program:
        yield f"# what was run is no program by itself: {make_printable(command.subject)}"
    elif any(WITHHELD in word for word in words):
        yield f"# what was run, without its secrets: {make_printable(' '.join(words))}"
    else:
        yield f"CMD {json.dumps(words)}"


def _find_program(subject: str) -> list[str]:
    """Return the words that start a script, a module or a command; none for what is neither."""
    if subject.startswith("-m "):
        return ["python", *subject.split(maxsplit=1)]
    if subject.endswith(".py"):
        return ["python", subject]
    return [] if ":" in subject or subject.endswith(".ipynb") else [subject]
