"""Variations in what the operating system and the user's surroundings give to a process.

None of it ought to reach a tensor. Names are those of reprotest where it has them.
"""

from __future__ import annotations

import re
import zoneinfo

from reproaudit.config.settings import Settings, bad_value
from reproaudit.knowledge.fills import name_fill
from reproaudit.knowledge.variation import (
    Around,
    Need,
    Variation,
    choose,
    choose_inside,
    match_inside,
    name_fact,
    set_variables,
)
from reproaudit.model.cause import Cause
from reproaudit.trace.words import HASH_SEED

_LARGEST_FILL = 254  # the largest byte that glibc can be asked for
_AS_ENVIRONMENT = "What the program sets itself later wins."


def _set_hash_seed(value: str) -> Settings:
    if not value.isdecimal():
        raise bad_value("hash_seed", value, "a whole number from 0 on")
    return Settings(hash_seed=int(value))


def _fill_memory(value: str) -> Settings:
    if not value.isdecimal() or int(value) > _LARGEST_FILL:
        raise bad_value("memory", value, f"a byte, 0 to {_LARGEST_FILL}")
    return Settings(env=name_fill(value)[1:], variations=(("memory", value),))


def _set_timezone(value: str) -> Settings:
    # A name that nobody knows is UTC to the C library, and to a program what it has in most
    # containers: nothing would be varied. One with a digit may be a rule, such as CET-1CEST.
    is_rule = re.match(r"([A-Za-z]{3,}|<[\w+-]+>)[+-]?\d", value, re.ASCII) is not None
    if not is_rule and not _is_zone(value.removeprefix(":")):
        raise bad_value("timezone", value, "one that this machine knows, such as GMT+12")
    return Settings(env=(("TZ", value),))


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


TABLE: tuple[Variation, ...] = (
    Variation(
        id="hash_seed",
        what="the seed of string hashes, and so the order of sets",
        values=("0", "1"),
        cause=Cause.HASH_ORDER,
        change=_set_hash_seed,
        how="PYTHONHASHSEED is set before the interpreter starts.",
        fact=HASH_SEED,
        unless="the interpreter was started without PYTHONHASHSEED",
    ),
    Variation(
        id="memory",
        what="what new memory holds",
        values=("0", "90"),
        cause=Cause.UNINITIALIZED_MEMORY,
        change=_fill_memory,
        record="memory",
        how=(
            "A value is a byte. New memory is filled with it: what torch hands out undefined on "
            "any device, and by glibc (MALLOC_PERTURB_) what NumPy and other libraries allocate."
        ),
        fact=name_fact("memory"),
        unless="the program never imported torch",
    ),
    Variation(
        id="memory.history",
        what="what was allocated before",
        values=("used",),
        cause=Cause.UNINITIALIZED_MEMORY,
        change=choose_inside("memory.history", "used"),
        record="memory_history",
        how=(
            "Before the program starts, blocks of many sizes are allocated, written and freed: "
            "other addresses are handed out then, and memory that is not fresh."
        ),
        fact=name_fact("memory.history"),
        unless="the program never imported torch",
    ),
    Variation(
        id="time",
        what="the time of day",
        values=("+373days+7hours+13minutes",),
        cause=Cause.CLOCK,
        change=match_inside(
            "time",
            r"([+-]\d{1,6}(days?|hours?|minutes?|seconds?|[dhms]))+",
            "a distance such as +1day or -2hours-30minutes",
        ),
        record="clock_shift",
        how=(
            "What the program reads from time and datetime lies that far from now. Libraries keep "
            "the real clock, and elapsed time stays what it is."
        ),
    ),
    Variation(
        id="timezone",
        what="the time zone",
        values=("GMT+12", "GMT-14"),
        cause=Cause.CLOCK,
        change=_set_timezone,
        how=f"TZ is set before the program starts. {_AS_ENVIRONMENT}",
    ),
    Variation(
        id="locales",
        what="the language and the formats of the user",
        values=("C", "fr_FR.UTF-8", "tr_TR.UTF-8"),
        change=set_variables("locales", "LANG", "LC_ALL"),
        needs=(Need.LOCALE,),
        how=(
            "LANG and LC_ALL are set before the program starts. What the program sets by "
            "locale.setlocale wins."
        ),
    ),
    Variation(
        id="home",
        what="the home folder",
        values=("empty",),
        change=choose_inside("home", "empty"),
        record="home",
        how=(
            "HOME is an empty folder. Caches below the old one are not found (Hugging Face, "
            "torch.hub, matplotlib): a program that needs them loads them again, or fails and "
            "says so; set HF_HOME, TORCH_HOME or XDG_CACHE_HOME to keep them. Packages that were "
            "installed with `pip install --user` are still found."
        ),
    ),
    Variation(
        id="path",
        what="PATH",
        values=("/i_capture_the_path",),
        change=match_inside("path", r"/[^:\0]+", "an absolute path"),
        record="path",
        how=f"A folder that does not exist is appended to PATH. {_AS_ENVIRONMENT}",
    ),
    Variation(
        id="environment",
        what="variables of the environment that nobody knows",
        values=("i_capture_the_environment",),
        change=set_variables("environment", "CAPTURE_ENVIRONMENT"),
        how="A variable CAPTURE_ENVIRONMENT has this value. To vary one that is used: env.NAME.",
    ),
    Variation(
        id="umask",
        what="the permissions of new files",
        values=("0077",),
        change=match_inside("umask", r"0?[0-7]{3}", "an octal number such as 0077"),
        record="umask",
        how=f"The umask is set before the program starts. {_AS_ENVIRONMENT}",
    ),
    Variation(
        id="fileordering",
        what="the order in which folders are listed",
        values=("reversed", "shuffled"),
        cause=Cause.FILESYSTEM_ORDER,
        change=choose_inside("fileordering", "sorted", "reversed", "shuffled"),
        record="fileordering",
        how=(
            "os.listdir and os.scandir, and with them glob, pathlib and os.walk, give names "
            "sorted, in the reverse of that order, or in the order of a checksum of each name."
        ),
    ),
    Variation(
        id="load",
        what="what else the machine is busy with",
        values=("busy",),
        cause=Cause.THREAD_RACE,
        change=choose("load", {"busy": Settings()}),
        around=Around.NEIGHBOURS,
        how="Each core that the program may use has a busy process beside it.",
    ),
)
