"""What a manifest holds of a real environment, and what never gets into one."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from reproaudit.config.settings import Settings
from reproaudit.config.subject import parse_subject
from reproaudit.manifest.collect import CollectOptions, collect_manifest
from reproaudit.manifest.document import to_json
from reproaudit.manifest.machine import parse_gpus, read_container, read_hardware
from reproaudit.manifest.model import Container, Gpu
from reproaudit.manifest.packages import (
    list_packages,
    normalise_name,
    read_torch_build,
    strip_credentials,
)
from tests.manifest.repositories import git, make_repository, write_files


def test_a_manifest_names_commit_command_versions_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_repository(tmp_path / "p", {"sub/train.py": "import torch\n"})
    monkeypatch.chdir(project / "sub")
    subject = parse_subject("train.py", ["--lr", "0.1"])
    options = CollectOptions(subject.folder, subject, "train.py", Settings(seed=3, threads=2))
    made = collect_manifest(options)
    assert made.code.commit == git(project, "rev-parse", "HEAD")
    assert made.code.files == ()
    assert (made.command.subject, made.command.arguments) == ("train.py", ("--lr", "0.1"))
    assert made.command.folder == "sub"
    assert made.python.version == platform.python_version()
    assert {package.name: package.version for package in made.packages}["torch"] == version("torch")
    # What a run under these settings would find.
    assert dict(made.variables)["OMP_NUM_THREADS"] == "2"
    assert made.faults == ()


def test_the_same_environment_gives_the_same_bytes(tmp_path: Path) -> None:
    options = CollectOptions(make_repository(tmp_path, {"a.py": ""}))
    assert to_json(collect_manifest(options)) == to_json(collect_manifest(options))
    assert platform.node() not in to_json(collect_manifest(options)).split('"')


def test_time_and_host_are_there_if_asked_for(tmp_path: Path) -> None:
    made = collect_manifest(CollectOptions(tmp_path, has_origin=True))
    assert made.origin is not None
    assert made.origin.host == platform.node()


def test_no_variable_that_is_not_known_gets_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "hunter2hunter2")
    monkeypatch.setenv("NCCL_ALGO", "Ring")
    made = collect_manifest(CollectOptions(tmp_path))
    assert "hunter2hunter2" not in to_json(made)
    assert dict(made.variables)["NCCL_ALGO"] == "Ring"


def test_secrets_on_the_command_line_are_withheld(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    words = ["--api-key", "hunter2", "--hub_token=hunter2", "password=hunter2", "--author", "me"]
    words[:0] = ["--store", "postgresql://me:hunter2@host/db"]
    subject = parse_subject(str(tmp_path / "train.py"), words)
    proxy = ("PROXY", "http://me:hunter2@host")
    settings = Settings(env=(("WANDB_API_KEY", "hunter2"), ("LR", "1"), proxy))
    made = collect_manifest(CollectOptions(tmp_path, subject, "train.py", settings))
    assert "hunter2" not in to_json(made)
    assert made.command.arguments[-2:] == ("--author", "me")
    assert made.settings.env == (
        ("LR", "1"),
        ("PROXY", "http://(withheld)@host"),
        ("WANDB_API_KEY", "(withheld)"),
    )


def test_outside_of_a_repository_the_subjects_own_files_have_digests(tmp_path: Path) -> None:
    write_files(tmp_path, {"train.py": "import model\n", "model.py": "", "other.py": ""})
    subject = parse_subject(str(tmp_path / "train.py"), [])
    made = collect_manifest(CollectOptions(tmp_path, subject, "train.py"))
    assert [file.path for file in made.code.files] == ["model.py", "train.py"]
    assert made.code.commit == ""


def test_a_subject_that_git_ignores_has_digests_beside_the_commit(tmp_path: Path) -> None:
    make_repository(tmp_path, {".gitignore": "mine/\n", "lib.py": ""})
    write_files(tmp_path, {"mine/train.py": "x = 1\n"})
    subject = parse_subject(str(tmp_path / "mine" / "train.py"), [])
    made = collect_manifest(CollectOptions(subject.folder, subject, "train.py"))
    assert [file.path for file in made.code.files] == ["train.py"]
    assert made.code.commit


def test_a_broken_repository_is_a_fault_and_files_have_digests(tmp_path: Path) -> None:
    make_repository(tmp_path, {"train.py": ""})
    (tmp_path / ".git" / "HEAD").write_text("nonsense\n")
    subject = parse_subject(str(tmp_path / "train.py"), [])
    made = collect_manifest(CollectOptions(tmp_path, subject, "train.py"))
    assert made.faults[0].startswith("the repository was not read: git says: ")
    assert [file.path for file in made.code.files] == ["train.py"]


def install(folder: Path, name: str, direct_url: object) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    text = direct_url if isinstance(direct_url, str) else json.dumps(direct_url)
    (info / "direct_url.json").write_text(text)


def test_where_a_package_came_from_is_told_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_repository(tmp_path / "source", {"a.py": ""})
    write_files(source, {"a.py": "x = 1\n"})
    site = tmp_path / "site"
    site.mkdir()
    vcs = {"vcs": "git", "commit_id": "c" * 40}
    install(site, "From_Git", {"url": "https://me:pw@example.org/x.git", "vcs_info": vcs})
    install(site, "edited", {"url": source.as_uri(), "dir_info": {"editable": True}})
    install(site, "broken", "{")
    install(site, "odd", [1])
    (site / "lost-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    found = {package.name: package for package in list_packages()}
    assert found["from-git"].url == "https://example.org/x.git"
    assert (found["from-git"].origin, found["from-git"].commit) == ("git", "c" * 40)
    assert found["edited"].origin == "editable"
    assert found["edited"].commit == git(source, "rev-parse", "HEAD")
    assert found["edited"].patch_digest
    assert found["broken"].origin == found["odd"].origin == "unreadable"


def test_of_two_installations_the_one_that_is_imported_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "numpy", "")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = [package for package in list_packages() if package.name == "numpy"]
    assert [package.version for package in found] == ["1.0"]


def test_what_torch_was_built_with_is_read_without_importing_it() -> None:
    assert len(dict(read_torch_build())["git"]) == 40


def test_names_are_normalised_and_urls_stay_as_they_are() -> None:
    assert normalise_name("Typing__Extensions.X") == "typing-extensions-x"
    assert strip_credentials("file:///a/b@c") == "file:///a/b@c"


def test_gpus_are_read_from_what_the_driver_prints() -> None:
    text = "NVIDIA H200, 143771, 560.35.03\nNVIDIA H200, [N/A], 560.35.03\n\n"
    gpus, driver = parse_gpus(text)
    assert gpus == (Gpu("NVIDIA H200", 143771), Gpu("NVIDIA H200", 0))
    assert driver == "560.35.03"
    assert parse_gpus("No devices were found\n") == ((), "")


CPU = "model name\t: Some CPU @ 2 GHz\nflags\t\t: fpu avx2 fma avx512f avx512bw avx512dq avx512vl\n"


def test_the_processor_is_read_from_the_system(tmp_path: Path) -> None:
    write_files(tmp_path, {"proc/cpuinfo": CPU, "proc/meminfo": "MemTotal:  2097152 kB\n"})
    found = read_hardware(tmp_path)
    assert (found.cpu, found.capability) == ("Some CPU @ 2 GHz", "AVX512")
    assert found.memory_mib == 2048
    write_files(tmp_path, {"proc/cpuinfo": CPU.replace("avx512bw", "")})
    assert read_hardware(tmp_path).capability == "AVX2"


def test_the_capability_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch", reason="it is what the answer is held against")
    assert read_hardware().capability == torch.backends.cpu.get_cpu_capability()


@pytest.mark.parametrize(
    ("files", "environment", "found"),
    [
        ({}, {}, Container()),
        ({".dockerenv": ""}, {}, Container("docker")),
        ({"proc/self/cgroup": "0::/docker/abc\n"}, {}, Container("docker")),
        ({"run/.containerenv": ""}, {}, Container("podman")),
        (
            {"run/.containerenv": 'engine="x"\nimage="a/b:1"\nimageid="sha256:1"\n'},
            {},
            Container("podman", "a/b:1", "sha256:1"),
        ),
        ({".dockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "1"}, Container("kubernetes")),
        ({}, {"APPTAINER_CONTAINER": "/i.sif"}, Container("apptainer", "/i.sif")),
        ({}, {"NVIDIA_BUILD_ID": "7"}, Container(build=(("NVIDIA_BUILD_ID", "7"),))),
    ],
)
def test_a_container_is_told_by_what_is_certain(
    tmp_path: Path, files: dict[str, str], environment: dict[str, str], found: Container
) -> None:
    write_files(tmp_path, files)
    assert read_container(environment, tmp_path) == found
