"""The runs that decide the verdict, as they are asked for."""

from __future__ import annotations

from collections.abc import Callable

from reproaudit.runs.request import RunRequest


def name_deciding_run(index: int) -> str:
    """Return the name of a run that decides, which is that of its folder."""
    return f"run-{index}"


def request_run(
    index: int, *, what: str = "", more: int = 0, following: RunRequest | None = None
) -> RunRequest:
    """Return the request of a run that decides."""
    name = name_deciding_run(index)
    return RunRequest(name=name, index=index, what=what, more=more, following=following)


def request_runs(
    count: int, then: RunRequest | None, *, describe: Callable[[int], str]
) -> list[RunRequest]:
    """Return the requests of all of them; each names the one after it, the last one `then`.

    `describe` gives what is added to the words of a run, by its number.
    """
    requests: list[RunRequest] = []
    for index in range(count):
        is_last = index + 1 == count
        following = then if is_last else request_run(index + 1)
        what = f"run {index + 1} of {count}{describe(index)}"
        more = count - index - 1
        requests.append(request_run(index, what=what, more=more, following=following))
    return requests
