"""Find out whether a PyTorch program is reproducible, where two runs first differ, and why.

    import reproaudit

    result = reproaudit.audit("train.py", runs=5)
    print(result.findings[0].fix.patch)

`audit` runs a program; `vary`, `resume` and `seeds` ask further questions of it. `compare` compares
what was recorded, `watch` records a training loop of this process, `load` reads a saved result.
All give a `Result`, or raise a `ReproauditError`.
"""

# Nothing is imported here, not even `typing`: the process of an audited program imports this
# package before the program's first line.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from reproaudit.api import (
        Result,
        Watch,
        audit,
        compare,
        load,
        resume,
        seeds,
        vary,
        watch,
    )
    from reproaudit.errors import ReproauditError, SubjectError, TraceError, UsageError

__version__ = "0.2.0"
__all__ = [
    "ReproauditError",
    "Result",
    "SubjectError",
    "TraceError",
    "UsageError",
    "Watch",
    "__version__",
    "audit",
    "compare",
    "load",
    "resume",
    "seeds",
    "vary",
    "watch",
]


def __getattr__(name: str) -> object:
    """Import what a name of the interface stands for when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name.endswith("Error"):
        from reproaudit import errors

        value = getattr(errors, name)
    else:
        from reproaudit import api

        value = getattr(api, name)
    globals()[name] = value  # the next time it is found at once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
