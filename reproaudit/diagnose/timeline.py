"""When seeds and determinism flags were set: what came too late, and what was overwritten."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.model.question import FlagSetting
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import SettingEvent
from reproaudit.trace.words import CUDA_CONTEXT, MODEL_PREFIX, STARTED_LOADER, TORCH_IMPORTED

_TORCH_SEEDS = ("torch.manual_seed", "torch.seed")
_SEEDS = (*_TORCH_SEEDS, "random.seed", "numpy.random.seed")
# Each object has its own: two settings need not be of one.
_OF_OBJECTS = ("torch.Generator.manual_seed", "torch.Generator.seed")
_AT_START = {"PYTHONHASHSEED": "Python read it when it started: it counts only for new processes"}
_CONTEXT = ("CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_FLAGS = (
    "torch.use_deterministic_algorithms",
    "torch.set_deterministic_debug_mode",
    "torch.backends.cudnn.deterministic",
    "torch.backends.cudnn.benchmark",
)


def list_settings_made(trace: Trace) -> tuple[FlagSetting, ...]:
    """Return what was set, in the order of the run, each with what is wrong with its moment."""
    found: list[FlagSetting] = []
    last: dict[str, int] = {}
    for event in trace.settings_made():
        undoes = None if event.what in _OF_OBJECTS else last.get(event.what)
        if undoes is not None and found[undoes].value == event.value:
            undoes = None
        found.append(_make_setting(event, found, undoes))
        last[event.what] = len(found) - 1
    return tuple(found)


def _make_setting(
    event: SettingEvent, earlier: Sequence[FlagSetting], undoes: int | None
) -> FlagSetting:
    reasons = [_find_lateness(event, earlier)]
    if undoes is not None:
        before = earlier[undoes]
        where = f" at {before.location.place}" if before.location is not None else ""
        reasons.append(f"overwrites {before.value}, set{where}")
    return FlagSetting(
        what=event.what,
        value=event.value,
        step=event.step,
        location=event.known_location,
        by=event.by,
        made=event.made,
        undoes=undoes,
        why="; ".join(filter(None, reasons)),
    )


def _find_lateness(event: SettingEvent, earlier: Sequence[FlagSetting]) -> str:
    """Say why a setting comes too late; "" if it does not, as far as is known."""
    if event.what in _AT_START:
        return _AT_START[event.what]
    if event.what in _CONTEXT and CUDA_CONTEXT in event.made:
        return "too late: CUDA read it when its context was made"
    if event.what in _THREADS and TORCH_IMPORTED in event.made:
        return "too late: the libraries read it when torch was imported"
    if event.what in _SEEDS:
        return _find_late_seed(event, earlier)
    if event.what in _FLAGS and event.step > 0:
        return f"set after {event.step} optimizer steps were made"
    models = _list_models(event.made)
    if event.what == "torch.set_default_dtype" and models:
        return f"too late for {models}, with the dtype that it was built with"
    return ""


def _find_late_seed(event: SettingEvent, earlier: Sequence[FlagSetting]) -> str:
    stream = _TORCH_SEEDS if event.what in _TORCH_SEEDS else (event.what,)
    if any(setting.what in stream for setting in earlier):
        return ""  # what was built before followed the earlier seed
    models = _list_models(event.made)
    if event.what in _TORCH_SEEDS and models:
        return f"too late for {models}: the weights were drawn before any seed was set"
    if STARTED_LOADER in event.made:
        return "too late for the epoch of a DataLoader that had begun"
    return ""


def _list_models(made: Sequence[str]) -> str:
    """Return the classes of the models among what was made."""
    names = [name.removeprefix(MODEL_PREFIX) for name in made if name.startswith(MODEL_PREFIX)]
    return " and ".join(names)
