"""Manifests for tests: one that knows nothing, and one that knows all."""

from __future__ import annotations

from reproaudit.config.settings import Settings
from reproaudit.manifest.model import (
    Code,
    CodeFile,
    Command,
    Container,
    Gpu,
    Hardware,
    Manifest,
    Origin,
    Package,
    Python,
    System,
)

MINIMAL = Manifest(
    reproaudit="0.1.0",
    code=Code(),
    packages=(),
    python=Python("3.11.7", "CPython"),
    torch=(),
    hardware=Hardware(),
    system=System(),
    container=Container(),
    settings=Settings(),
    variables=(),
    command=Command(),
)
PATCH = """\
diff --git a/train.py b/train.py
index 1111111111111111111111111111111111111111..2222222222222222222222222222222222222222 100644
--- a/train.py
+++ b/train.py
@@ -1,2 +1,2 @@
-lr = 0.1
+lr = 0.2
 steps = 10
"""
FULL = Manifest(
    reproaudit="0.1.0",
    code=Code(
        commit="c" * 40,
        branch="main",
        patch=PATCH,
        patch_bytes=len(PATCH),
        patch_digest="d" * 64,
        untracked=(CodeFile("new.py", 3, "e" * 64),),
        untracked_left_out=1,
        files=(CodeFile("ignored.py", 4, "f" * 64),),
    ),
    packages=(
        Package("numpy", "2.4.6"),
        Package("pytest", "9.2.0"),
        Package("torch", "2.13.0+cu126"),
        Package("ours", "1.0", "editable", "file:///ours", "a" * 40, "b" * 64),
    ),
    python=Python("3.11.7", "CPython", "conda", "train"),
    torch=(("cuda", "12.6"), ("git", "0" * 40)),
    hardware=Hardware(
        cpu="Some CPU",
        capability="AVX512",
        cores=8,
        machine_cores=16,
        memory_mib=65536,
        gpus=(Gpu("Some GPU", 1024), Gpu("Some GPU", 1024)),
        driver="560.1",
    ),
    system=System("Linux", "6.1", "x86_64", "Some Linux 12", "glibc 2.36"),
    container=Container("podman", "image", "sha256:1", (("NVIDIA_BUILD_ID", "1"),)),
    settings=Settings(seed=0),
    variables=(("OMP_NUM_THREADS", "4"),),
    command=Command("train.py", ("--lr", "0.1"), "sub"),
    faults=("something was not found out",),
    origin=Origin("2026-01-01T00:00:00+00:00", "host"),
)
