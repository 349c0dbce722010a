"""Finds out what a run in this process's environment would be made of."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from reproaudit import __version__
from reproaudit.config.settings import Pairs, Settings, make_environment
from reproaudit.config.subject import SubjectSpec
from reproaudit.knowledge.secret_words import withhold_secrets, withhold_value
from reproaudit.knowledge.variables import LAUNCH_VARIABLES, NUMERIC_VARIABLES
from reproaudit.manifest.code_files import find_code_files
from reproaudit.manifest.machine import read_container, read_hardware, read_system
from reproaudit.manifest.model import Code, CodeFile, Command, Manifest, Origin, Python
from reproaudit.manifest.packages import list_packages, read_torch_build
from reproaudit.manifest.repository import (
    GitFailed,
    RepositoryState,
    digest_file,
    list_ignored,
    read_repository,
)


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """What a manifest is about, besides the environment it is made in.

    `command` is the subject as it was typed. `has_origin` adds the time and the host's name.
    """

    folder: Path
    subject: SubjectSpec | None = None
    command: str = ""
    settings: Settings = Settings()
    has_origin: bool = False


def collect_manifest(options: CollectOptions) -> Manifest:
    """Return the manifest of a run of this interpreter in a folder, or of a subject.

    What cannot be found out is left out, and `faults` says why.
    """
    faults: list[str] = []
    code, state = _read_code(options, faults)
    variables = {**os.environ, **make_environment(options.settings)}
    return Manifest(
        reproaudit=__version__,
        code=code,
        packages=list_packages(),
        python=_read_python(os.environ),
        torch=read_torch_build(),
        hardware=read_hardware(),
        system=read_system(),
        container=read_container(os.environ),
        settings=_withhold_variables(options.settings),
        variables=_choose_variables(variables),
        command=_make_command(options, state),
        faults=tuple(faults),
        origin=_read_origin() if options.has_origin else None,
    )


def _withhold_variables(settings: Settings) -> Settings:
    env = tuple((name, withhold_value(name, value)) for name, value in settings.env)
    return replace(settings, env=env)


def _read_code(options: CollectOptions, faults: list[str]) -> tuple[Code, RepositoryState | None]:
    state = None
    try:
        state = read_repository(options.folder)
    except GitFailed as failure:
        faults.append(f"the repository was not read: {failure}")
    files = _digest_own_files(options.subject)
    if state is None:
        return Code(files=tuple(files.values())), None
    # Of what a commit holds, the commit and the patch say more.
    names = {_relative_to(path, state.top): file for path, file in files.items()}
    outside = {name for name in names if name.startswith("../")}
    ignored = list_ignored(state.top, tuple(sorted(names.keys() - outside)))
    kept = [names[name] for name in sorted(outside | ignored) if name in names]
    code = Code(
        commit=state.commit,
        branch=state.branch,
        patch=state.patch.text,
        patch_bytes=state.patch.bytes,
        patch_digest=state.patch.digest,
        untracked=state.untracked,
        untracked_left_out=state.untracked_left_out,
        files=tuple(kept),
    )
    return code, state


def _digest_own_files(subject: SubjectSpec | None) -> dict[Path, CodeFile]:
    """Return the subject's own Python files by their place, in the order of their names."""
    if subject is None or subject.is_command:
        return {}
    found: dict[Path, CodeFile] = {}
    for name, _ in find_code_files(subject, shown=()):
        path = subject.folder / name
        file = digest_file(path, name)
        if file is not None:
            found[Path(os.path.realpath(path))] = file
    return found


def _make_command(options: CollectOptions, state: RepositoryState | None) -> Command:
    subject = options.subject
    if subject is None:
        return Command()
    folder = "" if state is None else _relative_to(subject.cwd, state.top)
    arguments = withhold_secrets(subject.argv)
    return Command(options.command, arguments, "" if folder == "." else folder)


def _relative_to(path: Path, top: Path) -> str:
    return Path(os.path.relpath(os.path.realpath(path), os.path.realpath(top))).as_posix()


def _choose_variables(environment: Mapping[str, str]) -> Pairs:
    known = sorted({*NUMERIC_VARIABLES, *LAUNCH_VARIABLES})
    return tuple((name, environment[name]) for name in known if name in environment)


def _read_python(environment: Mapping[str, str]) -> Python:
    kind, name = "system", ""
    conda = Path(sys.prefix) / "conda-meta"
    if sys.prefix != sys.base_prefix:
        kind, name = "virtualenv", Path(sys.prefix).name
    elif conda.is_dir():
        kind = "conda"
        # The variable is that of the shell's environment, which need not be this interpreter's.
        is_active = environment.get("CONDA_PREFIX") == sys.prefix
        name = environment.get("CONDA_DEFAULT_ENV", "") if is_active else Path(sys.prefix).name
    return Python(platform.python_version(), platform.python_implementation(), kind, name)


def _read_origin() -> Origin:
    now = datetime.now(timezone.utc)
    return Origin(now.isoformat(timespec="seconds"), platform.node())
