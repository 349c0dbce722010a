"""The folder where torch.compile keeps what it has compiled: one for all runs of an audit.

Runs as they are, runs under interventions and patched copies all find there what earlier ones left,
so that none of them is the odd one out. It is the folder that the program uses without us. Only
with `--fresh-copy` it is empty in each run, as all temporary files are, or as it was before the
audit if it lies in the project; one that the user named elsewhere is kept. A first run that had to
fill it is told apart by whoever makes that run, by the number of files before and after.
"""

from __future__ import annotations

import getpass
import os
import re
import tempfile
from pathlib import Path

from reproaudit.config.settings import Settings

_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
# Of other compilers, whose usual folders lie at home or beside the sources.
_OTHER_VARIABLES = (
    "CUDA_CACHE_PATH",
    "CUPY_CACHE_DIR",
    "NUMBA_CACHE_DIR",
    "TORCH_EXTENSIONS_DIR",
    "TRITON_CACHE_DIR",
)


class CompilerCache:
    """The cache of runs with these settings, started in the folder `cwd`."""

    def __init__(self, settings: Settings, cwd: Path) -> None:
        environment = {**os.environ, **dict(settings.env)}
        named = environment.get(_VARIABLE)
        self.is_named = named is not None
        self._others = {
            name: os.path.abspath(cwd / environment[name])
            for name in _OTHER_VARIABLES
            if environment.get(name)
        }
        if named is None:
            temporary = dict(settings.env).get("TMPDIR") or tempfile.gettempdir()
            named = os.path.join(temporary, f"torchinductor_{_read_user()}")
        self.folder = Path(os.path.abspath(cwd / named))

    def share(self) -> Settings:
        """Return what has a run use this cache, and those of other compilers that are named,
        although it works in a copy and its temporary folder is another one.

        Nothing for one that is not there: then nothing was compiled.
        """
        shared = dict(self._others)
        if self.folder.is_dir():
            shared[_VARIABLE] = str(self.folder)
        return Settings(env=tuple(shared.items()))

    def count_files(self) -> int:
        return sum(len(files) for _, _, files in os.walk(self.folder))


def _read_user() -> str:
    """Return the user's name as PyTorch writes it in the name of its default folder."""
    try:
        user = getpass.getuser()
    except (KeyError, ModuleNotFoundError, OSError):
        user = f"uid_{os.getuid()}"
    return re.sub(r'[\\/:*?"<>|]', "_", user)
