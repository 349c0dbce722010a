"""Reads a run back from Weights & Biases, or from the folder that it keeps, and keeps files beside
one."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from reproaudit.errors import UsageError
from reproaudit.files import Unreadable, read_bytes
from reproaudit.track.record import Logged, TrackRecord
from reproaudit.track.to_wandb import locate, start_run
from reproaudit.track.tracked_run import (
    KEPT,
    KEPT_FILES,
    MOST_KEPT_BYTES,
    Pairs,
    TrackedRun,
    pack,
    read_requirements,
)
from reproaudit.track.wandb_file import read_records

_MOST_TEXT_BYTES = 1 << 20
_PATCH = "diff.patch"
_REQUIREMENTS = "requirements.txt"
_OWN = "_"  # begins the names of what W&B itself puts into config and summary
_TIMEOUT_S = 20


def read_run(name: str) -> TrackedRun:
    """Return what is held of a run: of a folder such as `wandb/offline-run-…`, or by the service
    of `ENTITY/PROJECT/RUN`. Raises what W&B raises."""
    folder = Path(name)
    if folder.is_dir():
        return _read_folder(folder)
    if len(name.strip("/").split("/")) != 3:
        raise UsageError(
            "it is neither a folder of a run nor ENTITY/PROJECT/RUN",
            code="tracked-run-unreadable",
            hint="such as wandb:wandb/offline-run-20260101_120000-abcd",
        )
    import wandb

    return describe_service_run(wandb.Api(timeout=_TIMEOUT_S).run(name))


def keep_files(files: Mapping[str, bytes], name: str, place: str) -> Logged:
    """Keep files beside the run that WANDB_RUN_ID and WANDB_RESUME name, else a new one."""
    import wandb

    with start_run(TrackRecord(name), place) as run:
        # In the run's own folder they stay after it, and are sent where it is.
        folder = Path(run.dir) / KEPT
        folder.mkdir(exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
            run.save(folder / file, base_path=run.dir, policy="now")
    wandb.teardown()
    if run.offline:
        return Logged("wandb", os.path.relpath(run.settings.sync_dir), locate(run).place)
    return Logged("wandb", f"{run.entity}/{run.project}/{run.id}", run.url or "")


# -- a folder


def _read_folder(folder: Path) -> TrackedRun:
    from wandb.proto.wandb_internal_pb2 import Record

    files = sorted(folder.glob("*.wandb"))
    if len(files) != 1:
        raise UsageError(
            "it is no folder of a run: it holds no file run-ID.wandb",
            code="tracked-run-unreadable",
            hint="name the folder below ./wandb that is of one run",
        )
    config: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    artifacts: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    for content in read_records(files[0]):
        record = Record.FromString(content)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            _update(config, record.run.config)
            metadata["git"] = {"commit": record.run.git.commit}
        elif kind == "config":
            _update(config, record.config)
        elif kind == "summary":
            _update(summary, record.summary)
        elif kind == "artifact":
            artifacts[f"{record.artifact.type}/{record.artifact.name}"] = record.artifact.digest
        elif kind == "environment":
            _learn(metadata, record.environment)
    return _describe(
        f"wandb:{folder}",
        config=config,
        summary=summary,
        metadata=metadata,
        artifacts=artifacts,
        files=dict(_read_files(folder / "files")),
    )


def _update(table: dict[str, Any], record: Any) -> None:
    """Apply what a record of a config or a summary changes."""
    for item in record.update:
        names = [item.key] if item.key else list(item.nested_key)
        inner = table
        for name in names[:-1]:
            found = inner.get(name)
            if not isinstance(found, dict):
                found = inner[name] = {}
            inner = found
        inner[names[-1]] = json.loads(item.value_json)
    for item in record.remove:
        table.pop(item.key, None)


def _learn(metadata: dict[str, Any], record: Any) -> None:
    """Put what a record says of the environment into the form of wandb-metadata.json."""
    for name in ("os", "python", "program", "cuda_version"):
        if value := getattr(record, name, ""):
            metadata[name] = value
    if record.args:
        metadata["args"] = list(record.args)
    if record.code_path:
        metadata["codePath"] = record.code_path
    if record.cpu_count:
        metadata["cpu_count_logical"] = record.cpu_count_logical
    if record.cpu.model:
        metadata["cpu"] = {"model": record.cpu.model}
    if record.gpu_nvidia:
        metadata["gpu_nvidia"] = [{"name": gpu.name} for gpu in record.gpu_nvidia]


def _read_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name, most in _list_wanted():
        try:
            yield name, read_bytes(folder / name, most)
        except (FileNotFoundError, Unreadable):
            continue  # it was not kept


def _list_wanted() -> Iterator[tuple[str, int]]:
    yield _REQUIREMENTS, _MOST_TEXT_BYTES
    yield _PATCH, _MOST_TEXT_BYTES
    for name in KEPT_FILES:
        yield f"{KEPT}/{name}", MOST_KEPT_BYTES


# -- the service


def describe_service_run(run: Any) -> TrackedRun:
    """Return what `wandb.Api().run(…)` holds."""
    wanted = dict(_list_wanted())
    files = {}
    with tempfile.TemporaryDirectory(prefix="reproaudit-track-") as folder:
        for file in run.files(names=list(wanted)):
            if file.name in wanted and file.size <= wanted[file.name]:
                file.download(root=folder, replace=True)
                files[file.name] = Path(folder, file.name).read_bytes()
    artifacts = {f"{one.type}/{one.name}": one.digest for one in run.logged_artifacts()}
    return _describe(
        f"wandb:{'/'.join(run.path)} ({run.name})",
        config=dict(run.config),
        summary=dict(run.summary),
        metadata=dict(run.metadata or {}),
        artifacts=artifacts,
        files=files,
    )


# -- both


def _describe(
    label: str,
    *,
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
    metadata: Mapping[str, Any],
    artifacts: Mapping[str, str],
    files: Mapping[str, bytes],
) -> TrackedRun:
    requirements = files.get(_REQUIREMENTS, b"").decode("utf-8", "replace")
    return TrackedRun(
        tracker="wandb",
        run=label.removeprefix("wandb:"),
        label=label,
        params=_flatten(config),
        metrics=_flatten(summary),
        artifacts=tuple(sorted(artifacts.items())),
        packages=read_requirements(requirements),
        lists_all_packages=bool(requirements),
        hardware=_list_hardware(metadata),
        system=_keep_texts([("platform", metadata.get("os"))]),
        python=str(metadata.get("python") or "").removeprefix("CPython "),
        program=str(metadata.get("codePath") or metadata.get("program") or ""),
        arguments=tuple(map(str, metadata.get("args") or ())),
        commit=str((metadata.get("git") or {}).get("commit") or ""),
        patch=files.get(_PATCH, b"").decode("utf-8", "backslashreplace"),
        kept=tuple(
            (name, pack(files[f"{KEPT}/{name}"]))
            for name in KEPT_FILES
            if f"{KEPT}/{name}" in files
        ),
    )


def _list_hardware(metadata: Mapping[str, Any]) -> Pairs:
    gpus = [str(gpu.get("name", "")) for gpu in metadata.get("gpu_nvidia") or ()]
    return _keep_texts(
        [
            ("cpu", (metadata.get("cpu") or {}).get("model")),
            ("machine cores", metadata.get("cpu_count_logical")),
            ("gpus", ", ".join(gpus)),
        ]
    )


def _keep_texts(pairs: Iterable[tuple[str, Any]]) -> Pairs:
    return tuple((name, str(value)) for name, value in pairs if value)


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Pairs:
    """Return the values of nested tables by their names with dots, without W&B's own."""
    found: list[tuple[str, str]] = []
    for name, value in sorted(table.items()):
        if name.startswith(_OWN) and not prefix:
            continue
        if isinstance(value, Mapping):
            found += _flatten(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=repr)
            found.append((f"{prefix}{name}", text))
    return tuple(found)
