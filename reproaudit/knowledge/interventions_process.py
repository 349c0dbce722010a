"""Interventions in what the operating system gives to a process when it starts.

They change what hardly any program means to use, and so are the last to be suspected.
"""

from __future__ import annotations

from reproaudit.config.settings import Settings
from reproaudit.knowledge.interventions_outside import SEED
from reproaudit.knowledge.traits import Clue, FixSeed, Intervention, OrderSets, Part, rank_seedings
from reproaudit.model.cause import Cause
from reproaudit.trace.words import SEEDINGS

_NUMBER = "# a number that is given: id(), and hash() of an object, are made of its address"

_GATHER = "await asyncio.gather(*tasks)  # in the order of the tasks: asyncio.wait() gives sets"

TABLE: tuple[Intervention, ...] = (
    Intervention(
        id="addresses.fixed",
        what="objects have the same addresses in each run, and strings the same hashes",
        causes=(Cause.HASH_ORDER,),
        acts_on=Part.ADDRESSES,
        # The hashes of strings decide where things are placed.
        changes=Settings(hash_seed=SEED),
        includes=("hash.seed",),
        repair="fixed_addresses",
        calls=rank_seedings(4) | {"asyncio.wait": 1, "hash": 2, "id": 1},
        advice_for=dict.fromkeys((*SEEDINGS, "hash", "id"), _NUMBER) | {"asyncio.wait": _GATHER},
        edits=(FixSeed(("hash(",)), OrderSets()),
        clues={Clue.UNKNOWN_ORDER: 1, Clue.UNKNOWN_CONTENT: 2, Clue.DRAWS_REORDERED: 3},
        advice="iterate over a list or a dict: sets of objects are in the order of their addresses",
        patch=("things = dict.fromkeys(things)  # or a list: a set of objects has no fixed order",),
        needs_fresh_process="addresses.fixed",
    ),
)
