"""Owns what a result says of random streams, and of when seeds and determinism flags were set."""

from __future__ import annotations

from dataclasses import dataclass

from reproaudit.model.question import FlagSetting, SeedEffect, SeedStream, StreamUse
from reproaudit.model.result import AuditResult
from reproaudit.report.wording import show_name, show_prose

EFFECTS = {
    SeedEffect.FOLLOWS: "follows",
    SeedEffect.CONSTANT: "constant",
    SeedEffect.UNSEEDED: "unseeded",
    SeedEffect.UNKNOWN: "not known",
}
_USES = tuple(StreamUse)


@dataclass(frozen=True, slots=True)
class StreamRow:
    """Numbers that a line draws, in words."""

    use: str
    stream: str
    effect: str
    is_expected: bool
    line: str
    call: str
    draws: int
    process: str
    why: str


@dataclass(frozen=True, slots=True)
class FlagRow:
    """A setting of a seed or a flag, in words.

    `number` counts from 1 on in the order of the run, and so does `undoes`. `by` is a library; ""
    for the program itself.
    """

    number: int
    what: str
    value: str
    step: int
    line: str
    by: str
    made: str
    undoes: int | None
    why: str


def list_stream_rows(result: AuditResult, most: int | None = None) -> list[StreamRow]:
    """Return the first `most` streams in words, in the order of `sort_streams`."""
    return list(map(_word_stream, sort_streams(result)[:most]))


def sort_streams(result: AuditResult) -> list[SeedStream]:
    """Return the streams by use, and of each use first what ought to be otherwise."""
    return sorted(result.streams, key=lambda one: (_USES.index(one.use), one.is_expected))


def list_flag_rows(result: AuditResult, most: int | None = None) -> list[FlagRow]:
    """Return the first `most` settings in words, in the order of the run."""
    return [
        _word_flag(result, number, setting)
        for number, setting in enumerate(result.timeline[:most], start=1)
    ]


def name_stream(stream: SeedStream) -> str:
    """Return `data order, train.py:12`, or the name of the generator where no line is known."""
    where = stream.location.place if stream.location is not None else stream.stream
    return f"{stream.use.value}, {show_name(where)}" if where.strip() else stream.use.value


def word_stream(stream: SeedStream) -> str:
    """Say in a sentence what the seed does to a stream, and why that is not as it ought to be."""
    said = f"{name_stream(stream)}: {EFFECTS[stream.effect]}"
    why = show_prose(stream.why)
    return f"{said}: {why}" if why else said


def word_flag(result: AuditResult, setting: FlagSetting) -> str:
    """Say in a sentence what is wrong with a setting, such as that it comes too late."""
    said = name_flag(setting)
    why = show_prose(setting.why)
    if why:
        said += f": {why}"
    earlier = _find_undone(result, setting)
    return f"{said}; it undoes {name_flag(earlier)}" if earlier is not None else said


def name_flag(setting: FlagSetting) -> str:
    """Return `torch.manual_seed = 0, train.py:3`."""
    said = show_name(setting.what)
    if setting.value.strip():
        said += f" = {show_name(setting.value)}"
    return f"{said}, {show_name(setting.location.place)}" if setting.location else said


def _find_undone(result: AuditResult, setting: FlagSetting) -> FlagSetting | None:
    # A stranger's result may name any position.
    if setting.undoes is None or not 0 <= setting.undoes < len(result.timeline):
        return None
    return result.timeline[setting.undoes]


def _word_stream(stream: SeedStream) -> StreamRow:
    line = show_name(stream.location.place) if stream.location is not None else ""
    call = show_name(stream.call)
    below = show_name(stream.below)
    if below.strip():
        call = f"{call}, in {below}" if call else f"in {below}"
    return StreamRow(
        use=stream.use.value,
        stream=show_name(stream.stream),
        effect=EFFECTS[stream.effect],
        is_expected=stream.is_expected,
        line=line,
        call=call,
        draws=stream.draws,
        process=show_name(stream.process),
        why=show_prose(stream.why),
    )


def _word_flag(result: AuditResult, number: int, setting: FlagSetting) -> FlagRow:
    undoes = None
    if setting.undoes is not None and _find_undone(result, setting) is not None:
        undoes = setting.undoes + 1
    return FlagRow(
        number=number,
        what=show_name(setting.what),
        value=show_name(setting.value),
        step=setting.step,
        line=show_name(setting.location.place) if setting.location is not None else "",
        by=show_name(setting.by),
        made=", ".join(map(show_name, setting.made)),
        undoes=undoes,
        why=show_prose(setting.why),
    )
