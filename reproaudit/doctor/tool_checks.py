"""Programs and packages that some audits use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.util import find_spec

from reproaudit.doctor.check import Check, State
from reproaudit.doctor.folders import LIMIT_S, part_silent

_LIMIT_S = 10.0  # for a program to say which version it is
_COMPILERS = ("g++", "clang++", "c++")
_LAUNCHERS = ("torchrun", "accelerate", "deepspeed", "mpirun", "srun")
# What is asked for, with the packages of the extra of that name.
_EXTRAS = {
    "notebook": ("notebooks are executed", ("nbclient", "nbformat", "ipykernel")),
    "rich": ("the report and the progress are drawn", ("rich",)),
    "completion": ("a shell completes commands and options", ("shtab",)),
    "mlflow": ("results are logged to MLflow", ("mlflow",)),
    "wandb": ("results are logged to Weights & Biases", ("wandb",)),
    "tensorboard": ("results are logged to TensorBoard", ("tensorboard",)),
    "ray": ("runs are made on a Ray cluster", ("ray",)),
    "slurm": ("runs are made as jobs of Slurm", ("submitit",)),
}


def check_tools(environ: Mapping[str, str], limit_s: float = LIMIT_S) -> Iterator[Check]:
    """Look for a compiler, git, and launchers in the folders of PATH, each of which has `limit_s`
    seconds to answer."""
    folders = [folder for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    answering, silent = part_silent(folders, limit_s)
    if silent:
        yield Check(
            "path",
            State.LOOK,
            f"{', '.join(silent)} did not answer within {limit_s:g} s",
            "what is started by its name is looked for there too, and may wait as long: take it "
            "out of PATH, or mount it again",
        )
    path = os.pathsep.join(answering)
    yield _check_compiler(environ, path)
    git = shutil.which("git", path=path)
    if git is None:
        yield Check(
            "git",
            State.LOOK,
            "not on PATH",
            "commit and changes are left out of a manifest, and --fresh-copy copies the working "
            "folder instead of the repository",
        )
    else:
        yield Check("git", State.FINE, _ask_version(git))
    yield _check_launchers(path)


def _check_compiler(environ: Mapping[str, str], path: str) -> Check:
    wanted = (environ["CXX"],) if environ.get("CXX") else _COMPILERS
    for name in wanted:
        compiler = shutil.which(name, path=path)
        if compiler is not None:
            return Check("compiler", State.FINE, _ask_version(compiler))
    return Check(
        "compiler",
        State.LOOK,
        f"none of {', '.join(wanted)} on PATH",
        "torch.compile needs one for the CPU: install g++, or name one in CXX",
    )


def _ask_version(path: str) -> str:
    """Return the first line of what a program says of its version; its path where it says none."""
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{path}, which does not say its version: {error}"
    return done.stdout.partition("\n")[0].strip() or path


def _check_launchers(path: str) -> Check:
    found = [name for name in _LAUNCHERS if shutil.which(name, path=path)]
    said = ", ".join(found) or "none on PATH"
    if "torchrun" in found:
        return Check("launchers", State.FINE, said)
    return Check(
        "launchers",
        State.LOOK,
        said,
        f"torchrun comes with torch: put {os.path.dirname(sys.executable)} on PATH, or audit "
        "`-- python -m torch.distributed.run …`",
    )


def check_extras() -> Iterator[Check]:
    """Look for the packages of each extra."""
    for extra, (use, packages) in _EXTRAS.items():
        absent = [name for name in packages if find_spec(name) is None]
        if absent:
            yield Check(
                extra,
                State.ABSENT,
                f"{', '.join(absent)} not installed",
                f"with it {use}: pip install 'reproaudit[{extra}]'",
            )
        else:
            yield Check(extra, State.FINE, ", ".join(map(_describe, packages)))


def _describe(package: str) -> str:
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:  # such as mlflow, where it is a part of mlflow-skinny
        return package
