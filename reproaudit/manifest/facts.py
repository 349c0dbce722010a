"""What is known of a run in a form in which two runs are compared, wherever it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reproaudit.config.settings import list_settings
from reproaudit.knowledge.run_suspects import Area
from reproaudit.knowledge.secret_words import WITHHELD
from reproaudit.manifest.model import Code, CodeFile, Hardware, Manifest, Package

_SECTION = re.compile(r"^(?=diff --git )", re.MULTILINE)
_ENV = "env."
REST = "patch"  # a name of all uncommitted changes, where not all of them were kept


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run as (area, name) -> value.

    `areas` are those that are known of the run: one that is not there cannot be compared, and one
    that is there without a fact is empty. Of `partial` areas only what is listed is known, so that
    only names that both runs have are compared. The value of an uncommitted change is what the
    patch says of the file. `faults` say what could not be found out.
    """

    label: str
    values: Mapping[tuple[Area, str], str]
    areas: frozenset[Area]
    faults: tuple[str, ...] = ()
    partial: frozenset[Area] = frozenset()


Fact = tuple[Area, str, str]


def list_manifest_facts(manifest: Manifest, label: str) -> RunFacts:
    """Return the facts of a manifest."""
    facts = [
        *_list_code(manifest.code),
        *_list_packages(manifest.packages),
        *_list_hardware(manifest.hardware),
        *_list_settings(manifest),
        *list_arguments(manifest.command.arguments),
        (Area.CODE, "subject", manifest.command.subject),
        (Area.CODE, "folder", manifest.command.folder),
        (Area.PYTHON, "version", manifest.python.version),
        (Area.PYTHON, "implementation", manifest.python.implementation),
        (Area.PYTHON, "environment", manifest.python.environment),
        (Area.PYTHON, "environment name", manifest.python.environment_name),
        (Area.CONTAINER, "engine", manifest.container.engine),
        (Area.CONTAINER, "image", manifest.container.image),
        (Area.CONTAINER, "image id", manifest.container.image_id),
        *((Area.CONTAINER, name, value) for name, value in manifest.container.build),
        *((Area.TORCH, name, value) for name, value in manifest.torch),
    ]
    for name in ("name", "release", "machine", "distribution", "libc"):
        facts.append((Area.SYSTEM, name, getattr(manifest.system, name)))
    code = manifest.code
    areas = {Area.PACKAGE, Area.HARDWARE, Area.SETTING, Area.VARIABLE, Area.PARAMETER, Area.PYTHON}
    areas |= {Area.CONTAINER, Area.TORCH, Area.SYSTEM, Area.CODE}
    if code.commit or code.patch_digest or code.untracked:
        areas |= {Area.CHANGE, Area.FILE}
    if code.files:
        areas.add(Area.FILE)
    return RunFacts(
        label=label,
        values=collect_values(facts),
        areas=frozenset(areas),
        faults=(*manifest.faults, *_list_left_out(code), *_list_withheld(facts)),
    )


def collect_values(facts: Iterable[Fact]) -> dict[tuple[Area, str], str]:
    """Return facts by area and name, without those that are empty."""
    return {(area, name): value for area, name, value in facts if value}


def split_patch(patch: str) -> dict[str, str]:
    """Return a unified diff as git writes it by path: what stands in it about each file.

    Lines before the first file are dropped. A path as git quotes it keeps its quotes.
    """
    sections = {}
    for section in _SECTION.split(patch):
        if section.startswith("diff --git "):
            sections[_find_path(section)] = section
    return sections


def _find_path(section: str) -> str:
    """Return the path that a section is about: of a deleted file, the old one."""
    for pattern in (r"^\+\+\+ (\"?)b/(.*?)\1\t?$", r"^--- (\"?)a/(.*?)\1\t?$"):
        found = re.search(pattern, section, re.MULTILINE)
        if found is not None:
            return found[2]
    # A mode, or a binary file: both names are the same, as renames are not looked for.
    head = section.partition("\n")[0].removeprefix("diff --git ")
    half = head[: len(head) // 2].strip().strip('"')
    return half.removeprefix("a/")


def list_arguments(words: Iterable[str]) -> Iterator[Fact]:
    """Yield the arguments of a program by their names: `--lr 0.1`, `--lr=0.1`, `lr=0.1`, "1"."""
    waiting = ""
    position = 0
    for word in words:
        name, equals, value = word.partition("=")
        is_option = len(word) > 1 and word.startswith("-") and not _is_number(word)
        if waiting and is_option:
            yield Area.PARAMETER, waiting, "given"
            waiting = ""
        if waiting:
            yield Area.PARAMETER, waiting, word
            waiting = ""
        elif is_option and equals:
            yield Area.PARAMETER, name.lstrip("-"), value
        elif is_option:
            waiting = word.lstrip("-")
        elif equals:
            yield Area.PARAMETER, name.lstrip("+~"), value
        else:
            position += 1
            yield Area.PARAMETER, f"argument {position}", word
    if waiting:
        yield Area.PARAMETER, waiting, "given"


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _list_code(code: Code) -> Iterator[Fact]:
    yield Area.CODE, "commit", code.commit
    yield Area.CODE, "branch", code.branch
    for path, section in split_patch(code.patch).items():
        yield Area.CHANGE, path, section
    if is_cut(code.patch, code.patch_bytes):
        yield Area.CODE, REST, code.patch_digest[:16]
    yield from map(_describe_file, code.untracked)
    yield from map(_describe_file, code.files)


def is_cut(patch: str, size: int) -> bool:
    """Return True if a patch of so many bytes was not kept whole."""
    return len(patch.encode("utf-8", "surrogatepass")) < size


def _list_left_out(code: Code) -> Iterator[str]:
    if is_cut(code.patch, code.patch_bytes):
        yield f"of {code.patch_bytes:,} bytes of uncommitted changes the first were kept"
    if code.untracked_left_out:
        yield f"{code.untracked_left_out:,} more untracked files were not looked at"


def _list_withheld(facts: Iterable[Fact]) -> Iterator[str]:
    """Yield which values are not known: those of two runs are the same word, whatever they were."""
    for area, name, value in facts:
        if area is Area.PARAMETER and WITHHELD in value:
            yield f"the value of {name} was withheld"


def _describe_file(file: CodeFile) -> Fact:
    return Area.FILE, file.path, file.digest[:16] or f"{file.bytes:,} bytes"


def _list_packages(packages: Iterable[Package]) -> Iterator[Fact]:
    for package in packages:
        parts = [package.version]
        if package.origin:
            parts.append(package.origin)
        if package.commit:
            parts.append(f"at {package.commit[:12]}")
        if package.patch_digest:
            parts.append(f"with changes {package.patch_digest[:12]}")
        yield Area.PACKAGE, package.name, " ".join(parts)


def _list_hardware(hardware: Hardware) -> Iterator[Fact]:
    yield Area.HARDWARE, "cpu", hardware.cpu
    yield Area.HARDWARE, "capability", hardware.capability
    yield Area.HARDWARE, "cores", str(hardware.cores or "")
    yield Area.HARDWARE, "machine cores", str(hardware.machine_cores or "")
    yield Area.HARDWARE, "memory", f"{hardware.memory_mib >> 10} GiB" * bool(hardware.memory_mib)
    yield Area.HARDWARE, "gpus", ", ".join(gpu.model for gpu in hardware.gpus)
    yield Area.HARDWARE, "driver", hardware.driver


def _list_settings(manifest: Manifest) -> Iterator[Fact]:
    known = dict(manifest.variables)
    for name, value in list_settings(manifest.settings):
        variable = name.removeprefix(_ENV)
        if variable == name:
            yield Area.SETTING, name, value
        elif variable not in known:
            # Nobody knows what it is for: the program does.
            yield Area.PARAMETER, variable, value
    for name, value in manifest.variables:
        yield Area.VARIABLE, name, value
