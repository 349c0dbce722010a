"""Owns the settings of one run as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from reproaudit.codec import expect
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.trace.words import HASH_SEED

Pairs = tuple[tuple[str, str], ...]  # names and what they are set to

_LARGEST_SEED = 2**32 - 1
# From where to where, both included.
_INTEGERS = {
    "seed": (0, _LARGEST_SEED),
    "hash_seed": (0, _LARGEST_SEED),
    "threads": (1, 65536),
}
UNLESS_REFUSED: Final = "unless-refused"
_FLAG_MODES = ("error", "warn", UNLESS_REFUSED)
_BOOLEANS = ("cudnn_benchmark", "cudnn_deterministic", "tf32", "fill_uninitialized")
_TEXTS = ("cublas_workspace", "device")
_TABLES = ("env", "variations")
_SHOWN = 100  # characters of a wrong value that an error quotes


@dataclass(frozen=True, slots=True)
class Settings:
    """Seeds, flags and environment of one run. None everywhere: the program as it is.

    `seed` seeds Python, NumPy's legacy generator, torch on CPU and on every CUDA device (NumPy
    takes 32 bits). `deterministic` is `torch.use_deterministic_algorithms`, raising or warning,
    without its fill of uninitialised memory, which is `fill_uninitialized`; "unless-refused" raises
    for nothing: an operator that would raise runs as under a warning flag. `env` is sorted by
    name. `interventions` names changes that the recorder makes from inside the process (see
    `reproaudit.knowledge.interventions`), sorted. `variations` are changes that ought not to matter
    and that the recorder makes from inside the process, by name (see
    `reproaudit.knowledge.variations`), sorted.
    """

    seed: int | None = None
    hash_seed: int | None = None
    deterministic: Literal["error", "warn", "unless-refused"] | None = None
    cudnn_benchmark: bool | None = None
    cudnn_deterministic: bool | None = None
    tf32: bool | None = None
    threads: int | None = None
    fill_uninitialized: bool | None = None
    cublas_workspace: str | None = None
    env: Pairs = ()
    device: str | None = None
    interventions: tuple[str, ...] = ()
    variations: Pairs = ()

    def to_plain(self) -> dict[str, Any]:
        """Return what is set, as documents hold it."""
        return to_dict(self)

    @classmethod
    def from_plain(cls, value: object) -> Settings:
        """Read what `to_plain` returned. Raises Malformed or UsageError."""
        return from_dict(expect(value, dict))

    def __post_init__(self) -> None:
        # TOML and JSON bring values of any type, so annotations promise nothing here.
        for name, (low, high) in _INTEGERS.items():
            self._check_integer(name, low, high)
        for name in _BOOLEANS:
            value = getattr(self, name)
            if value is not None and type(value) is not bool:
                raise bad_value(name, value, "true or false")
        for name in _TEXTS:
            self._check_text(name)
        if self.deterministic not in (None, *_FLAG_MODES):
            wanted = " or ".join(f'"{mode}"' for mode in _FLAG_MODES)
            raise bad_value("deterministic", self.deterministic, wanted)
        for name in self.interventions:
            if type(name) is not str or not name:
                raise bad_value("interventions", self.interventions, "a list of names")
        # Two ways to write the same environment must be equal settings.
        variables = _check_env(self.env)
        env = tuple(sorted(variables.items()))
        interventions = tuple(sorted(set(self.interventions)))
        # A frozen dataclass can set its own fields in no other way.
        object.__setattr__(self, "env", env)
        object.__setattr__(self, "interventions", interventions)
        object.__setattr__(self, "variations", _sort_variations(self.variations))

    def _check_integer(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if value is None:
            return
        wanted = f"a whole number from {low} to {high}"
        # A bool is an int too, and `seed = true` is no seed.
        if type(value) is not int:
            raise bad_value(name, value, wanted)
        if not low <= value <= high:
            raise bad_value(name, value, wanted)

    def _check_text(self, name: str) -> None:
        value = getattr(self, name)
        if value is None:
            return
        # A variable of the environment cannot hold a NUL.
        if type(value) is not str or not value or "\0" in value:
            raise bad_value(name, value, "a text that is not empty")


def to_dict(settings: Settings) -> dict[str, Any]:
    """Return what is set, by name, as JSON and TOML can hold it; `env` becomes a table."""
    values: dict[str, Any] = {}
    for name in list_fields(Settings):
        value = getattr(settings, name)
        if name in _TABLES:
            value = dict(value)
        elif name == "interventions":
            value = list(value)
        if value is None or value in ({}, []):
            continue
        values[name] = value
    return values


def from_dict(values: Mapping[str, Any], where: str = "settings") -> Settings:
    """Return the settings that `values` names. `where` says in errors what was being read."""
    refuse_unknown(values, list_fields(Settings), where, "setting")
    chosen = dict(values)
    if "env" in chosen:
        chosen["env"] = _read_env(chosen["env"], where)
    if "variations" in chosen:
        chosen["variations"] = _read_variations(chosen["variations"], where)
    if "interventions" in chosen:
        chosen["interventions"] = _read_interventions(chosen["interventions"], where)
    try:
        return Settings(**chosen)
    except UsageError as error:
        raise locate_error(error, where) from None


def _read_env(env: object, where: str) -> tuple[tuple[Any, Any], ...]:
    if not isinstance(env, Mapping):
        wanted = 'a table of variables, such as {OMP_SCHEDULE = "static"}'
        raise bad_value(f"{where}: env", env, wanted)
    return tuple(env.items())


def _read_variations(table: object, where: str) -> tuple[tuple[Any, Any], ...]:
    if not isinstance(table, Mapping):
        raise bad_value(f"{where}: variations", table, 'a table, such as {memory_format = "on"}')
    return tuple(table.items())


def _sort_variations(variations: Iterable[tuple[Any, Any]]) -> Pairs:
    table: dict[str, str] = {}
    for name, value in variations:
        if type(name) is not str or not name or type(value) is not str:
            raise bad_value("variations", (name, value), "names, each with a text")
        table[name] = value
    return tuple(sorted(table.items()))


def _read_interventions(names: object, where: str) -> tuple[Any, ...]:
    if not isinstance(names, (list, tuple)):
        wanted = 'a list of names, ["hash.seed"]'
        raise bad_value(f"{where}: interventions", names, wanted)
    return tuple(names)


def merge(base: Settings, change: Settings) -> Settings:
    """Return `base` with everything that `change` sets.

    `env` and `variations` are merged by name, `interventions` are united.
    """
    combined = to_dict(base)
    combined |= to_dict(change)
    combined["env"] = dict(base.env + change.env)
    combined["variations"] = dict(base.variations + change.variations)
    combined["interventions"] = base.interventions + change.interventions
    return from_dict(combined)


def make_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that must be in place before the process starts.

    Only those that were asked for are returned. A variable given in `env` wins over one that
    another setting implies.
    """
    variables: dict[str, str] = {}
    if settings.hash_seed is not None:
        variables[HASH_SEED] = str(settings.hash_seed)
    if settings.cublas_workspace is not None:
        variables["CUBLAS_WORKSPACE_CONFIG"] = settings.cublas_workspace
    if settings.threads is not None:
        # torch's own threads are OpenMP's; MKL asks its own variable first.
        variables["OMP_NUM_THREADS"] = str(settings.threads)
        variables["MKL_NUM_THREADS"] = str(settings.threads)
    return variables | dict(settings.env)


def list_settings(settings: Settings) -> Pairs:
    """Return what is set as (name, text) for a report, in a fixed order.

    Variables are named "env.NAME", variations "variations.NAME".
    """
    rows = []
    for name, value in to_dict(settings).items():
        if name not in _TABLES:
            rows.append((name, _write_value(value)))
            continue
        for key, text in value.items():
            rows.append((f"{name}.{key}", text))
    return tuple(rows)


def _write_value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        # As TOML writes it, so that it can be copied into a project.
        return str(value).lower()
    return str(value)


def _check_env(env: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for name, value in env:
        # The operating system would refuse these when the run starts, with a worse message.
        is_text = isinstance(name, str) and "\0" not in name
        if not is_text or not name or "=" in name:
            raise bad_value("env", name, 'a variable\'s name, without "="')
        if not isinstance(value, str) or "\0" in value:
            raise bad_value(f"env.{name}", value, "a text")
        if name in variables:
            raise UsageError(
                f"env sets {name} twice", code="setting-invalid", hint="keep one of the two"
            )
        variables[name] = value
    return variables


def list_fields(record: type[Any]) -> tuple[str, ...]:
    """Return the names of a dataclass's fields, in the order in which they are declared."""
    return tuple(field.name for field in fields(record))


def locate_error(error: UsageError, where: str) -> UsageError:
    """Return the error with the place where the value stands, which its reader does not know."""
    message = f"{where}: {error.message}"
    return UsageError(message, code=error.code, hint=error.hint)


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
    # The start of a value tells which one it is; the rest may be a file's worth of text.
    shown = str(value)[:_SHOWN]
    return UsageError(
        f"{name} cannot be {shown!r}",
        code="setting-invalid",
        hint=f"{name} takes {wanted}",
    )
