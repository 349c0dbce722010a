"""Runs read back from the folder that W&B keeps offline, and from what its client returns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reproaudit.errors import UsageError
from reproaudit.track.read_wandb import describe_service_run, keep_files, read_run
from reproaudit.track.wandb_file import read_records

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.leaves(
        "environment", "import-finders", reason="wandb names its service, and watches imports"
    ),
]


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    for name in ("WANDB_RUN_ID", "WANDB_RESUME", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    import wandb

    wandb.teardown()


@pytest.mark.slow
def test_a_folder_has_what_the_program_logged(offline: Path) -> None:
    import wandb

    with wandb.init(project="p", config={"seed": 1, "optimizer": {"lr": 0.1}}) as run:
        run.config.update({"late": True})
        for step in range(3):
            run.log({"loss": 1.0 / (step + 1)})
        Path("data.txt").write_text("x")
        artifact = wandb.Artifact("set", "dataset")
        artifact.add_file("data.txt")
        run.log_artifact(artifact)
    wandb.teardown()
    (folder,) = Path("wandb").glob("offline-run-*")
    found = read_run(str(folder))
    assert found.label == f"wandb:{folder}"
    assert dict(found.params) == {"seed": "1", "optimizer.lr": "0.1", "late": "true"}
    assert dict(found.metrics)["loss"].startswith("0.3333")
    assert [name for name, _ in found.artifacts] == ["dataset/set"]
    # wandb lists packages on a thread that it does not wait for on a machine that is busy.
    is_listed = (folder / "files" / "requirements.txt").exists()
    assert ("torch" in dict(found.packages)) is is_listed
    assert dict(found.hardware)["machine cores"]
    assert found.python.startswith("3.")


@pytest.mark.slow
def test_files_are_kept_in_a_folder_and_read_from_it(offline: Path) -> None:
    files = {"manifest.json": b"{}", "run.digests": bytes(range(256))}
    logged = keep_files(files, "reproaudit record train.py", "")
    assert logged.place.startswith("wandb sync ")
    found = read_run(logged.run)
    assert found.find_kept("manifest.json") == b"{}"
    assert found.find_kept("run.digests") == bytes(range(256))


@pytest.mark.parametrize("name", [".", "x", "a/b", "a/b/c/d"])
def test_what_names_no_run_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        read_run(name)
    assert caught.value.code == "tracked-run-unreadable"


def chunk(content: bytes, kind: int = 1) -> bytes:
    return bytes(4) + len(content).to_bytes(2, "little") + bytes([kind]) + content


HEAD = b":W&B\xe1\xbe\x00"


def records_of(tmp_path: Path, content: bytes) -> list[bytes]:
    path = tmp_path / "run-x.wandb"
    path.write_bytes(content)
    return list(read_records(path))


def test_records_in_several_chunks_and_blocks_are_whole(tmp_path: Path) -> None:
    first = 32768 - len(HEAD) - 7 - 3  # 3 bytes of the block are left, too few for a chunk
    content = HEAD + chunk(b"a" * first, 2) + bytes(3) + chunk(b"b", 3) + chunk(b"c", 4)
    assert records_of(tmp_path, content + chunk(b"d")) == [b"a" * first + b"bc", b"d"]


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_file_that_was_cut_off_has_the_records_before(tmp_path: Path, cut: int) -> None:
    assert records_of(tmp_path, (HEAD + chunk(b"a") + chunk(b"b"))[:-cut]) == [b"a"]


def test_what_is_no_file_of_wandb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no file of W&B"):
        records_of(tmp_path, b"train")


@dataclass
class ServiceFile:
    """A file as the client lists it."""

    name: str
    content: bytes
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.content)

    def download(self, root: str, replace: bool) -> None:
        path = Path(root, self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content)


def test_a_run_of_the_service_is_mapped_to_the_same_facts() -> None:
    """The shape is that of wandb 0.31's `Api().run(…)`; the service itself was not asked."""
    kept = [
        ServiceFile("requirements.txt", b"torch==2.13.0\n"),
        ServiceFile("diff.patch", b"diff --git a/t.py b/t.py\n"),
        ServiceFile("reproaudit/manifest.json", b"{}"),
        ServiceFile("../evil", b"x"),
    ]
    metadata = json.loads(
        '{"os": "Linux-6.1", "python": "CPython 3.11.7", "args": ["--lr", "1"], "codePath": "t.py",'
        '"cpu_count_logical": 4, "git": {"commit": "abc"}, "cpu": {"model": "Some CPU"},'
        '"gpu_nvidia": [{"name": "Some GPU"}, {"name": "Some GPU"}]}'
    )
    run: Any = SimpleNamespace(
        path=["e", "p", "r"],
        name="first",
        config={"seed": 1, "_wandb": {}},
        summary={"loss": 0.5, "_step": 2, "best": {"acc": 1}},
        metadata=metadata,
        files=lambda names: [file for file in kept if file.name in names or ".." in file.name],
        logged_artifacts=lambda: [SimpleNamespace(type="model", name="m:v0", digest="d")],
    )
    found = describe_service_run(run)
    assert found.label == "wandb:e/p/r (first)"
    assert found.params == (("seed", "1"),)
    assert found.metrics == (("best.acc", "1"), ("loss", "0.5"))
    assert found.artifacts == (("model/m:v0", "d"),)
    assert found.packages == (("torch", "2.13.0"),)
    assert dict(found.hardware)["gpus"] == "Some GPU, Some GPU"
    assert (found.commit, found.program, found.arguments) == ("abc", "t.py", ("--lr", "1"))
    assert (found.python, found.patch) == ("3.11.7", "diff --git a/t.py b/t.py\n")
    assert found.find_kept("manifest.json") == b"{}"
