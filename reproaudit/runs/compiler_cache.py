"""The folder where torch.compile keeps what it has compiled: one for all runs of an audit.

Runs as they are, runs under interventions and patched copies all find there what earlier ones left,
so that none of them is the odd one out. It is the folder that the program uses without us. Only
with `--fresh-copy` it is empty in each run, as all temporary files are. A first run that had to
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


class CompilerCache:
    """The cache of runs with these settings, started in the folder `cwd`."""

    def __init__(self, settings: Settings, cwd: Path) -> None:
        environment = {**os.environ, **dict(settings.env)}
        named = environment.get(_VARIABLE)
        if named is None:
            temporary = dict(settings.env).get("TMPDIR") or tempfile.gettempdir()
            named = os.path.join(temporary, f"torchinductor_{_read_user()}")
        self.folder = Path(os.path.abspath(cwd / named))

    def share(self) -> Settings:
        """Return what has a run use this cache although its temporary folder is another one.

        Nothing if there is none: then nothing was compiled.
        """
        if not self.folder.is_dir():
            return Settings()
        return Settings(env=((_VARIABLE, str(self.folder)),))

    def count_files(self) -> int:
        return sum(len(files) for _, _, files in os.walk(self.folder))


def _read_user() -> str:
    """Return the user's name as PyTorch writes it in the name of its default folder."""
    try:
        user = getpass.getuser()
    except (KeyError, ModuleNotFoundError, OSError):
        user = f"uid_{os.getuid()}"
    return re.sub(r'[\\/:*?"<>|]', "_", user)
