"""An executor's own options, as they were given: KEY=VALUE,KEY=VALUE."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reproaudit.errors import UsageError, did_you_mean


def require_known(options: Mapping[str, str], known: Collection[str], option: str) -> None:
    """Raise UsageError for a key that `option`, such as "--ray", does not take."""
    for key in options:
        if key not in known:
            raise UsageError(
                f"{option} takes no {key!r}",
                code="executor-option",
                hint=did_you_mean(key, known) or f"it takes {', '.join(sorted(known))}",
            )


def read_amount(options: Mapping[str, str], key: str, default: float, option: str) -> float:
    """Return a number that is not negative. Raises UsageError for anything else."""
    text = options.get(key)
    if text is None:
        return default
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise UsageError(
            f"{option} {key}={text} is no amount",
            code="executor-option",
            hint=f"a number, as in {option} {key}=1",
        )
    return amount
