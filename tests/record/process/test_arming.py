from __future__ import annotations

import pytest

from reproaudit.record.process.arming import SERVER, SPAWNED, TRACKER, Arming, name_process


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["/env/bin/python", "-B", "-c", f"{SPAWNED}; spawn_main(1)"], "spawned"),
        ([b"/env/bin/python", b"-c", f"{SERVER}; main(1)".encode()], ""),
        (["python", "-c", f"{TRACKER};main(3)"], ""),
        (["/bin/bash", "run.sh"], "bash"),
        ([], ""),
    ],
)
def test_processes_are_named_by_what_they_are(words: list[str], name: str) -> None:
    assert name_process(words) == name


def test_processes_of_one_name_are_numbered() -> None:
    arming = Arming("spawned-1-")
    found = [arming.next_label(name) for name in ("python", "bash", "python")]
    assert found == ["spawned-1-python-1", "spawned-1-bash-1", "spawned-1-python-2"]
