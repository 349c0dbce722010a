"""What a manifest says of a run: its code, packages, machine, settings and command, frozen.

A fact that could not be found out is the default of its field: "", 0 or (). `faults` says why,
where that is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from reproaudit.codec import AtLeast0
from reproaudit.config.settings import Pairs, Settings

MAGIC = "reproaudit-manifest"
MANIFEST_VERSION = 1

Count = Annotated[int, AtLeast0]


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file by its content: SHA-256 as hexadecimal digits, "" if it was too large to be read."""

    path: str
    bytes: Count
    digest: str


@dataclass(frozen=True, slots=True)
class Code:
    """The state of the program's own code.

    `patch` is what tracked files have in place of the commit's, as a unified diff whose paths are
    from the top of the repository; it may be cut, and `patch_bytes` and `patch_digest` (SHA-256)
    are of all of it. `untracked` are files that git neither knows nor ignores. `files` are the
    subject's own where no commit holds them: outside of a repository, or ignored by it.
    """

    OMITS_DEFAULTS = True

    commit: str = ""
    branch: str = ""
    patch: str = ""
    patch_bytes: Count = 0
    patch_digest: str = ""
    untracked: tuple[CodeFile, ...] = ()
    untracked_left_out: Count = 0
    files: tuple[CodeFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Package:
    """An installed distribution, its name normalised: lower case, with hyphens.

    `origin` is "editable", "directory", "archive" or a version control system such as "git"; ""
    for one from a package index. `url` says where it came from, without user and password.
    `commit` and `patch_digest` are those of its repository, as far as there is one.
    """

    OMITS_DEFAULTS = True

    name: str
    version: str
    origin: str = ""
    url: str = ""
    commit: str = ""
    patch_digest: str = ""


@dataclass(frozen=True, slots=True)
class Python:
    """The interpreter, and the environment it belongs to: "conda", "virtualenv" or "system"."""

    version: str
    implementation: str
    environment: str = ""
    environment_name: str = ""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, as the driver calls it; its memory in MiB."""

    model: str
    memory_mib: Count = 0


@dataclass(frozen=True, slots=True)
class Hardware:
    """What computes. `capability` is the set of CPU kernels that torch would choose by itself.

    `cores` may be used by this process, `machine_cores` are there. `memory_mib` is of the machine.
    """

    OMITS_DEFAULTS = True

    cpu: str = ""
    capability: str = ""
    cores: Count = 0
    machine_cores: Count = 0
    memory_mib: Count = 0
    gpus: tuple[Gpu, ...] = ()
    driver: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """The operating system: `release` is the kernel's, `distribution` as it names itself."""

    name: str = ""
    release: str = ""
    machine: str = ""
    distribution: str = ""
    libc: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """The container around the process, as far as something inside says so for certain.

    `engine` is "docker", "podman", "kubernetes", "apptainer" or ""; `image` its name or path,
    `image_id` its digest. `build` is what an image says of itself in variables.
    """

    OMITS_DEFAULTS = True

    engine: str = ""
    image: str = ""
    image_id: str = ""
    build: Pairs = ()


@dataclass(frozen=True, slots=True)
class Command:
    """What was to be run: the subject as a command line names it, and its own arguments.

    `folder` is where it starts, relative to the top of the repository where there is one.
    """

    OMITS_DEFAULTS = True

    subject: str = ""
    arguments: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """When and where a manifest was made; in it only if that was asked for."""

    time: str
    host: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one run was made of. `torch` holds what torch says of its own build, without importing
    it: "cuda", "git", …; `variables` only those that are known to change numbers."""

    OMITS_DEFAULTS = ("origin",)

    reproaudit: str
    code: Code
    packages: tuple[Package, ...]
    python: Python
    torch: Pairs
    hardware: Hardware
    system: System
    container: Container
    settings: Settings
    variables: Pairs
    command: Command
    faults: tuple[str, ...] = ()
    origin: Origin | None = field(default=None)
