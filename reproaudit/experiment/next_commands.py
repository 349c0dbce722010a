"""The commands to type next, as a shell takes them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from reproaudit.config.subject import SubjectSpec
from reproaudit.model.result import Finding, Fix
from reproaudit.report.wording import has_diff

# What an option that is added stands in place of: no more runs are made than a rate or a budget
# allows.
_REPLACED = {"--steps": ("--steps",), "--runs": ("--runs", "--rate", "--budget")}
_PATCH_FILE = "fix.patch"


def suggest_commands(
    subject: SubjectSpec,
    given: Sequence[str],
    findings: Sequence[Finding],
    *,
    more_runs: int,
    is_reproducible: bool,
    has_more_steps: bool = False,
    patch_file: str = "",
    was_glance: bool = False,
) -> tuple[str, ...]:
    """Return the patch, an explanation, and the audit under the fix or with `more_runs`.

    `given` are the options that the user gave. `has_more_steps`: the program had not ended.
    `patch_file` is where the user has the patch written; "" if nowhere. `was_glance`: nothing was
    tried, and a whole audit does.
    """
    again = write_command(subject, given, ["--runs", str(more_runs)])
    if is_reproducible and has_more_steps:
        return (write_command(subject, given, ["--steps", "all"]), again)
    if is_reproducible:
        return (again,)
    changes: list[str] = []
    for finding in findings:
        if finding.fix is None:
            continue
        for name in (*finding.fix.settings, *finding.fix.together):
            if name not in changes:
                changes += ["--intervene", name]
    commands = _suggest_patch(subject, findings, patch_file)
    commands += [f"reproaudit explain {finding.rule}" for finding in findings[:1]]
    if changes:
        commands.append(write_command(subject, given, changes))
    elif was_glance:
        commands.append(write_command(subject, given))
    else:
        commands.append(again)
    return tuple(commands)


def _suggest_patch(subject: SubjectSpec, findings: Sequence[Finding], patch_file: str) -> list[str]:
    """Return how to apply the patch; nothing if there is none, or if patched runs differed."""
    fixes = [finding.fix for finding in findings if finding.fix is not None]
    if any(fix.patch_verified for fix in fixes):
        doubt = ""
    elif any(has_diff(fix) and not fix.patch_runs for fix in fixes):
        doubt = "not run: look at it first"
    else:
        return []
    remarks = [doubt] if doubt else []
    if not patch_file:
        remarks.append(f"--report patch={_PATCH_FILE} writes it")
    levels = max(_count_levels_above(fix) for fix in fixes)
    words = ["patch", f"-p{levels}"]
    folder = os.path.dirname(subject.path) if subject.lies_outside else ""
    folder = os.path.join(folder, *[".."] * levels)
    if folder:
        words += ["-d", folder]
    command = f"{shlex.join(words)} < {shlex.quote(patch_file or _PATCH_FILE)}"
    if remarks:
        command += f"  # {'; '.join(remarks)}"
    return [command]


def _count_levels_above(fix: Fix) -> int:
    """Return how far the paths of a patch go up: `patch` refuses to, and leaves such parts out."""
    if not has_diff(fix):
        return 0
    return fix.patch[0].removeprefix("--- ").strip('"').split("/").count("..")


def _leave_out(given: Sequence[str], added: Sequence[str]) -> list[str]:
    """Return `given` without the options that `added` sets."""
    replaced = {name for word in added for name in _REPLACED.get(word, ())}
    kept: list[str] = []
    is_value = False
    for word in given:
        if is_value:
            is_value = False
        elif word in replaced:
            is_value = True
        elif word.partition("=")[0] not in replaced:
            kept.append(word)
    return kept


def write_command(
    subject: SubjectSpec, given: Sequence[str] = (), added: Sequence[str] = ()
) -> str:
    """Return the command that audits the subject, quoted for the shell.

    `added` are options with their values; of one that can be given once it replaces what was given.
    """
    words = ["reproaudit", *_leave_out(given, added), *added]
    for one in subject.input_words:
        words += ["--inputs", str(one)]
    own = subject.argv[:1]
    # Words directly behind the subject could be taken for ours.
    if subject.is_command or (own and own[0].startswith("-")):
        words.append("--")
    words += [*subject.words, *subject.argv]
    return shlex.join(words)
