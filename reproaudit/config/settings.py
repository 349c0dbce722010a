"""Owns the settings of one run as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from reproaudit.codec import expect
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.trace.words import HASH_SEED

_INTEGERS = {"seed": (0, 2**32 - 1), "hash_seed": (0, 2**32 - 1), "threads": (1, 65536)}
_BOOLEANS = ("cudnn_benchmark", "cudnn_deterministic", "tf32", "fill_uninitialized")
_TEXTS = ("cublas_workspace", "device")


@dataclass(frozen=True, slots=True)
class Settings:
    """Seeds, flags and environment of one run. None everywhere: the program as it is.

    `seed` seeds Python, NumPy's legacy generator, torch on CPU and on every CUDA device (NumPy
    takes 32 bits). `deterministic` is `torch.use_deterministic_algorithms`, raising or warning,
    without its fill of uninitialised memory, which is `fill_uninitialized`. `env` is sorted by
    name. `interventions` names changes that the recorder makes from inside the process (see
    `reproaudit.knowledge.interventions`), sorted.
    """

    seed: int | None = None
    hash_seed: int | None = None
    deterministic: Literal["error", "warn"] | None = None
    cudnn_benchmark: bool | None = None
    cudnn_deterministic: bool | None = None
    tf32: bool | None = None
    threads: int | None = None
    fill_uninitialized: bool | None = None
    cublas_workspace: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    device: str | None = None
    interventions: tuple[str, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return what is set, as documents hold it."""
        return to_dict(self)

    @classmethod
    def from_plain(cls, value: object) -> Settings:
        """Read what `to_plain` returned. Raises Malformed or UsageError."""
        return from_dict(expect(value, dict))

    def __post_init__(self) -> None:
        for name, (low, high) in _INTEGERS.items():
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not low <= value <= high):
                raise bad_value(name, value, f"a whole number from {low} to {high}")
        for name in _BOOLEANS:
            if (value := getattr(self, name)) is not None and type(value) is not bool:
                raise bad_value(name, value, "true or false")
        for name in _TEXTS:
            value = getattr(self, name)
            if value is not None and (type(value) is not str or not value or "\0" in value):
                raise bad_value(name, value, "a text that is not empty")
        if self.deterministic not in (None, "error", "warn"):
            raise bad_value("deterministic", self.deterministic, '"error" or "warn"')
        # Two ways to write the same environment must be equal settings.
        object.__setattr__(self, "env", tuple(sorted(_checked_env(self.env).items())))
        if not all(type(name) is str and name for name in self.interventions):
            raise bad_value("interventions", self.interventions, "a list of names")
        object.__setattr__(self, "interventions", tuple(sorted(set(self.interventions))))


def to_dict(settings: Settings) -> dict[str, Any]:
    """Return what is set, by name, as JSON and TOML can hold it; `env` becomes a table."""
    values = {name: getattr(settings, name) for name in _names(Settings)}
    values |= {"env": dict(settings.env), "interventions": list(settings.interventions)}
    return {
        name: value for name, value in values.items() if value is not None and value not in ({}, [])
    }


def from_dict(values: Mapping[str, Any], where: str = "settings") -> Settings:
    """Return the settings that `values` names. `where` says in errors what was being read."""
    refuse_unknown(values, _names(Settings), where, "setting")
    chosen = dict(values)
    if "env" in chosen:
        if not isinstance(chosen["env"], Mapping):
            raise bad_value(
                f"{where}: env",
                chosen["env"],
                'a table of variables, such as {OMP_SCHEDULE = "static"}',
            )
        chosen["env"] = tuple(chosen["env"].items())
    if "interventions" in chosen:
        if not isinstance(chosen["interventions"], (list, tuple)):
            raise bad_value(
                f"{where}: interventions", chosen["interventions"], 'a list of names, ["hash.seed"]'
            )
        chosen["interventions"] = tuple(chosen["interventions"])
    try:
        return Settings(**chosen)
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", code=error.code, hint=error.hint) from None


def merge(base: Settings, change: Settings) -> Settings:
    """Return `base` with everything that `change` sets; `env` is merged by variable,
    `interventions` are united."""
    combined = to_dict(base) | to_dict(change)
    united = {
        "env": dict(base.env) | dict(change.env),
        "interventions": base.interventions + change.interventions,
    }
    return from_dict(combined | united)


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables that must be in place before the process starts; only those that were
    asked for.

    A variable given in `env` wins over one that another setting implies.
    """
    variables: dict[str, str] = {}
    if settings.hash_seed is not None:
        variables[HASH_SEED] = str(settings.hash_seed)
    if settings.cublas_workspace is not None:
        variables["CUBLAS_WORKSPACE_CONFIG"] = settings.cublas_workspace
    if settings.threads is not None:
        variables["OMP_NUM_THREADS"] = variables["MKL_NUM_THREADS"] = str(settings.threads)
    return variables | dict(settings.env)


def describe(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return what is set as (name, text) for a report, in a fixed order; variables are named
    "env.NAME"."""
    rows: list[tuple[str, str]] = []
    for name, value in to_dict(settings).items():
        if name == "env":
            rows += [(f"env.{variable}", text) for variable, text in value.items()]
        elif name == "interventions":
            rows.append((name, ", ".join(value)))
        else:
            rows.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return tuple(rows)


def _checked_env(env: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for name, value in env:
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise bad_value("env", name, 'a variable\'s name, without "="')
        if not isinstance(value, str) or "\0" in value:
            raise bad_value(f"env.{name}", value, "a text")
        if name in variables:
            raise UsageError(
                f"env sets {name} twice", code="setting-invalid", hint="keep one of the two"
            )
        variables[name] = value
    return variables


def _names(record: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record))


def refuse_unknown(values: Mapping[str, Any], known: Iterable[str], where: str, what: str) -> None:
    """Raise UsageError for the first name that is not known; `what` is "key" or "setting"."""
    known = tuple(known)
    for name in values:
        if name not in known:
            raise UsageError(
                f"{where}: there is no {what} {name!r}",
                code=f"unknown-{what}",
                hint=did_you_mean(str(name), known),
            )


def bad_value(name: str, value: object, wanted: str) -> UsageError:
    """Return the error that says what `name` takes."""
    return UsageError(
        f"{name} cannot be {str(value)[:100]!r}",
        code="setting-invalid",
        hint=f"{name} takes {wanted}",
    )
