"""Owns the words and numbers that reports for people have in common, and makes foreign text safe to
show."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from reproaudit.model.difference import Difference
from reproaudit.model.events import Change, EventKind, Outcome, Phase, ProgramWarning
from reproaudit.model.flag_use import FlagMode, FlagUse
from reproaudit.model.result import (
    AuditResult,
    Finding,
    Fix,
    Replays,
    TensorDivergence,
    Trial,
)
from reproaudit.printable import make_printable
from reproaudit.report.run_counts import word_cost

_HALF = 0.5
_ON_GPU = re.compile(r"cudnn\.|cuda\.|CUBLAS_")
_LONGEST = 500  # characters of a foreign text that are shown; the JSON report has all of it


def escape(text: str) -> str:
    """Return `text` as `make_printable` does."""
    return make_printable(text)


def show_name(text: str) -> str:
    """Return a name, escaped, and cut where nobody would read on."""
    shown = escape(text)
    if len(shown) <= _LONGEST:
        return shown
    return shown[: _LONGEST - 1] + "…"


def show_prose(text: str) -> str:
    """Return a sentence on one line: as `named`, but a run of white space becomes one space."""
    return show_name(" ".join(text.split()))


def show_count(number: int, noun: str) -> str:
    """Return `1 run`, `3 runs`, `2 batches`."""
    word = inflect_noun(noun, number)
    return f"{number:,} {word}"


def conjugate_be(number: int) -> str:
    """Return `is` or `are`, as it stands behind so many things."""
    return "is" if number == 1 else "are"


def join_names(names: Sequence[str]) -> str:
    """Return `a, b and c`; there is at least one."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def inflect_noun(noun: str, number: int) -> str:
    """Return the noun as it stands behind the number: `run`, `runs`, `batches`."""
    if number == 1:
        return noun
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    return f"{noun}s"


def name_phase(phase: Phase) -> str:
    """Return `initialisation`, `data`, `forward`, `backward` or `optimizer`."""
    return phase.name.lower()


def name_kind(kind: EventKind) -> str:
    """Return `gradient`, `parameter`, `saved tensor` and so on."""
    return name_counted(kind.name.lower())


def name_counted(kind: str) -> str:
    """Return what is counted under the name of a kind: a `saved tensor` under `saved`."""
    if kind in ("saved", "final"):
        return f"{kind} tensor"
    return kind


def name_ending(outcome: Outcome) -> str:
    """Return `completed (0)`, `raised (1)` and so on."""
    kind = outcome.kind.value
    if outcome.code is None:
        return kind
    return f"{kind} ({outcome.code})"


def is_after_last_step(step: int, steps: int) -> bool:
    """Return True if something happened when all of the run's steps were done."""
    return 0 < steps <= step


def word_warning(warning: ProgramWarning) -> str:
    """Return what a warning says, after the id of its rule if it has one."""
    if warning.rule is None:
        return warning.message
    return f"{warning.rule}: {warning.message}"


def word_remark(row: TensorDivergence) -> str:
    """Say what no distance between two tensors tells; empty where there is nothing more to say."""
    if row.only_in is not None:
        alone = f"only in run {row.only_in}"
        return f"{alone}: {row.tensor}" if row.tensor else alone
    if row.other_tensor is not None:
        return f"{row.tensor} against {row.other_tensor}"
    if row.is_reordered:
        return "the same samples in another order"
    return ""


def show_real(number: float | None) -> str:
    """Return `1.2e-07`; empty for None."""
    if number is None:
        return ""
    return f"{number:.2g}"


def show_whole(number: int | None) -> str:
    """Return `3,812`; above a billion only the magnitude tells anything."""
    if number is None:
        return ""
    if abs(number) < 10**9:
        return f"{number:,}"
    # A number of more digits than a float can hold comes from a stranger's file.
    if abs(number) >= 10**300:
        return "huge"
    return f"{number:.1e}"


def show_percent(share: float, *, up: bool = False) -> str:
    """Return `45.1 %`. A bound is rounded up: what is said to be ruled out is."""
    if not math.isfinite(share * 1000):
        return f"{share} %"
    if up:
        # Less a little, for the product may lie a rounding error above a whole number.
        thousandths = math.ceil(share * 1000 - 1e-9)
        return f"{thousandths / 10:.1f} %"
    return f"{share * 100:.6g} %"


def word_difference(difference: Difference) -> str:
    """Say how far two tensors are apart: how many elements, how much at most, where first."""
    verb = "differs" if difference.differing == 1 else "differ"
    elements = show_count(difference.elements, "element")
    parts = [f"{show_whole(difference.differing)} of {elements} {verb}"]
    parts += _word_distance(difference)
    parts += name_oddities(difference)
    if difference.first_index:
        index = ", ".join(map(str, difference.first_index))
        parts.append(f"first at [{index}]")
    said = ", ".join(parts)
    if difference.within_tolerance:
        said += "; within the tolerance"
    return said


def _word_distance(difference: Difference) -> list[str]:
    """Return the largest distance, in ULP if there is such a count; nothing if all are zero."""
    sizes = []
    if difference.max_abs is not None:
        sizes.append(f"{show_real(difference.max_abs)} abs")
    if difference.max_rel is not None:
        sizes.append(f"{show_real(difference.max_rel)} rel")
    said = ", ".join(sizes)
    far = name_far(difference)
    if far:
        return [f"at most {said} ({far})"]
    if difference.max_ulp:
        ulp = f"at most {show_whole(difference.max_ulp)} ULP"
        if said:
            ulp += f" ({said})"
        return [ulp]
    # A distance of zero says nothing: the difference is one of those that `name_oddities` names.
    if sizes and difference.max_abs != 0.0:
        return [f"at most {said}"]
    return []


def name_far(difference: Difference) -> str:
    """Return `other sign` or `other size` where a count of ULPs tells nothing; else "".

    Numbers that are further apart than half of the larger one share no leading digit.
    """
    if not difference.max_ulp or difference.max_rel is None:
        return ""
    if difference.max_rel > 1.0:
        return "other sign"
    return "other size" if difference.max_rel > _HALF else ""


def name_oddities(difference: Difference) -> list[str]:
    """Name the differing elements that no distance can describe."""
    kinds = (
        (difference.nan_against_number, "NaN on one side"),
        (difference.nan_payload, "NaN payload"),
        (difference.zero_sign, "sign of zero"),
    )
    return [f"{show_whole(count)} {kind}" for count, kind in kinds if count]


def word_completeness(result: AuditResult) -> str:
    """Say whether there may be further sources; empty where nothing was diagnosed."""
    if result.is_complete is None:
        return ""
    if result.is_complete:
        return "all sources are listed: with each of them pinned or repaired, runs are equal"
    return (
        "there may be further sources: "
        "with those listed pinned or repaired, runs still differ or were not made"
    )


def word_replays(replays: Replays) -> str:
    """Say how often the repeated call differed, and what that supports."""
    how = " beside competing work" if replays.contention else ""
    low = show_percent(round(replays.rate_at_least, 3))
    high = show_percent(round(replays.rate_at_most, 3))
    return (
        f"{replays.differing} of {replays.made} repeated calls differ{how}: "
        f"a rate of {low} to {high}"
    )


def word_fix_state(fix: Fix) -> str:
    """Say whether a fix was tried, and what it costs."""
    state = "not verified"
    if fix.verified:
        state = _word_proof(fix)
    cost = word_cost(fix)
    return f"{state}, {cost}" if cost else state


def _word_proof(fix: Fix) -> str:
    """Say which runs prove a fix: those with it, or those with it and others."""
    runs = show_count(fix.runs, "run")
    if not fix.together:
        return f"verified, {runs} with it {conjugate_be(fix.runs)} equal"
    both = "both" if len(fix.settings) == len(fix.together) == 1 else "all of them"
    return f"{word_together(fix)}, {runs} with {both} {conjugate_be(fix.runs)} equal"


def word_together(fix: Fix) -> str:
    """Return `verified`, with what else the runs were made with that prove it."""
    if not fix.together:
        return "verified"
    others = ", ".join(map(show_name, fix.together))
    return f"verified together with {others}"


def word_settings(fix: Fix) -> str:
    """Say which settings repair it, and whether that was tried."""
    state = word_fix_state(fix)
    settings = ", ".join(map(show_name, fix.settings))
    if not settings:
        return state
    if fix.flag is not None:
        settings += f" ({word_flag(fix.flag)})"
    return f"{settings}: {state}"


def word_flag(use: FlagUse) -> str:
    """Say how the determinism flag was on in the runs."""
    refused = ", ".join(map(show_name, use.refused or ()))
    verb = "raises" if len(use.refused or ()) == 1 else "raise"
    if use.mode is FlagMode.STRICT:
        return "strict"
    if use.mode is FlagMode.WARN:
        return f"only warning, for {refused} {verb}" if refused else "only warning"
    if refused:
        return f"strict, except {refused}, which {verb}"
    return "strict, except what raises"


def word_patch(fix: Fix) -> str:
    """Say whether a patched copy was run, and what came of it."""
    if fix.patch_verified:
        runs = show_count(fix.patch_runs, "run")
        return f"verified: {runs} of the patched copy were equal"
    return show_prose(fix.patch_note) or "not run"


def has_diff(fix: Fix) -> bool:
    """Return True if the fix is a patch; else it has lines to write by hand, or none."""
    return any(row.startswith("--- ") for row in fix.patch[:1])


def show_code(line: str) -> str:
    """Return a line of code; its tabs stay, for a patch is there to be copied."""
    parts = line.removesuffix("\r").split("\t")
    return "\t".join(map(escape, parts))


def name_source(finding: Finding) -> str:
    """Return the operator of a finding, or the call that brought the difference in; "" if neither
    is known."""
    return show_name(finding.op) if finding.op else name_call(finding)


def name_call(finding: Finding) -> str:
    """Return the call that brought a difference in; of one that a library made, what the program
    itself called of that library."""
    if finding.below is not None:
        return show_name(finding.below.function)
    return show_name(finding.call)


def word_changes(changes: Sequence[Change], *, has_gpu: bool = True) -> list[str]:
    """Say which settings the program changed: each once, however often it was changed.

    Those of a GPU's libraries are left out where none was used.
    """
    by_setting: dict[str, list[Change]] = {}
    for change in changes:
        if not has_gpu and _ON_GPU.match(change.what):
            continue
        by_setting.setdefault(change.what, []).append(change)
    texts: list[str] = []
    for what, group in by_setting.items():
        values = [group[0].before, group[0].after]
        for change in group[1:]:
            if change.after not in values:
                values.append(change.after)
        shown = " → ".join(map(show_name, values))
        text = f"{show_name(what)}: {shown}"
        if group[0].location:
            text += f", {show_name(str(group[0].location))}"
        if len(group) > 1:
            text += f" ({show_count(len(group), 'change')})"
        texts.append(text)
    return texts


def has_gpu(result: AuditResult) -> bool:
    """Return True if the program used a GPU, or if that is not known."""
    environment = dict(result.environment)
    return "gpu" in environment or "cpu capability" not in environment


def word_trial(trial: Trial) -> str:
    """Say what came of a trial."""
    runs = show_count(trial.runs, "run")
    if trial.is_equal:
        # What it is worth comes first: a table may cut the rest.
        why = trial.note
        if trial.plain_differ is False:
            why = "plain runs in between were equal too"
        if why:
            return f"{runs}, all equal, no proof: {why}"
        return f"{runs}, all equal"
    return trial.note or f"{runs}, not equal"
