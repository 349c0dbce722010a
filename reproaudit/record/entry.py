"""`python reproaudit/record/entry.py PLAN.json [PARENT [FD [late]]]`: started by the runner, never
typed by a person.

`start` is how it comes into an interpreter that began with something else: see `startup`.

It ends with the process PARENT, unless that is 0. With a file descriptor it waits for a byte there,
so that its own start can overlap with the run before: see `process/turn`.

It is run by its path, and children read it by its path: a program may have a `reproaudit.py` of its
own, or a `typing.py`. So nothing is imported here before the path is put right.
"""

from __future__ import annotations

import os
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_LIBRARY = os.path.dirname(os.__file__)
_PACKAGES = ("site-packages", "dist-packages")


def own_path(path: list[str]) -> list[str]:
    """Return the places of `path` in the order in which the recorder looks for what it imports.

    The standard library first, then this package, then the rest: what PYTHONPATH names may hide
    neither.
    """
    library = [
        place
        for place in path
        if place.startswith(_LIBRARY) and not place.rstrip(os.sep).endswith(_PACKAGES)
    ]
    rest = [place for place in path if place not in library and place not in (_ROOT, "")]
    return [*library, _ROOT, *rest]


def enter(plan_path: str, label: str) -> None:
    """Record in a process that a forkserver has forked, as child `label`."""
    loaded = frozenset(sys.modules)
    path = list(sys.path)
    sys.path[:] = own_path(path)
    from reproaudit.record.process.shadows import hide_shadows, import_alone, own_modules

    import_alone(own_path)
    # What it started in, '', is no longer on the path once the child is prepared.
    hide_shadows([os.getcwd()] if "" in path else [], loaded)
    with own_modules():
        from reproaudit.record.process.children import enter_child
        from reproaudit.record.process.places import Place
    sys.path[:] = path
    enter_child(plan_path, Place(label, os.environ.get("RANK", "")), loaded)


def start() -> None:
    """Record in this interpreter, which is starting, what the environment says."""
    plan_path = os.environ.get("REPROAUDIT_PLAN", "")
    words = sys.orig_argv
    # The recorder itself was started by its path, and whatever outlives its audit has no plan.
    if __file__ in words or not os.path.isfile(plan_path):
        return
    loaded = frozenset(sys.modules)
    path = list(sys.path)
    sys.path[:] = own_path(path)
    from reproaudit.record.process.shadows import import_alone, own_modules

    import_alone(own_path)
    with own_modules():
        from reproaudit.record.process.arrival import arrive
    sys.path[:] = path
    arrive(plan_path, words, loaded)


def main() -> None:
    """Be the recorder of the plan that the command line names."""
    loaded = frozenset(sys.modules)
    # The first place is that of this file, or the working directory behind `-m`.
    path = sys.path if getattr(sys.flags, "safe_path", False) else sys.path[1:]
    path = list(path)
    sys.path[:] = own_path(path)
    from reproaudit.record.process.shadows import import_alone, own_modules

    import_alone(own_path)
    with own_modules():
        from reproaudit.prctl import end_with_parent
        from reproaudit.record.process.bootstrap import main as run
        from reproaudit.record.process.turn import Turn
    sys.path[:] = path
    if len(sys.argv) > 2 and sys.argv[2] != "0":
        end_with_parent(int(sys.argv[2]))
    turn = Turn(sys.argv[3:]) if len(sys.argv) > 3 else None
    run(sys.argv[1], loaded, turn)


if __name__ == "__main__":
    main()
