"""Error codes of `reproaudit resume`."""

from __future__ import annotations

RESUME_ERRORS = {
    "ended-before-stop": (
        "The program was to be stopped after more optimizer steps than it makes, or after its "
        "last one: nothing is left to go on with. --at counts steps of the optimizer, not batches "
        "or epochs."
    ),
    "no-checkpoint": (
        "The run that was stopped wrote no file and saved no tensor, so that nothing can be gone "
        "on from. The program saves later, only when it is told to, or between two steps: "
        "--stop-by checkpoint lets it do that."
    ),
    "not-aligned": (
        "It is not known with which step the resumed run went on: the stopped run saved nothing "
        "that was seen, and the first step of the resumed one computes what no step of the "
        "uninterrupted run does."
    ),
    "not-resumable": (
        "A function, a test or a notebook is not started again with other arguments. What is "
        "resumed is a program that saves and loads its state."
    ),
    "not-stopped": (
        "The program caught the exception that was to stop it, or went on after SIGTERM. An "
        "`except BaseException`, a bare `except` and a signal handler that does nothing can do "
        "that. Have it stopped in another way, or end by itself."
    ),
    "nothing-resumed": (
        "The run that was to go on ended without an optimizer step. Often it takes its training "
        "to be complete: the arguments that ended the first part are still in force."
    ),
    "resume-failed": (
        "The run that was to go on ended with an error; its last lines stand in the hint. It found "
        "the files that the stopped run had left, in a copy of the project."
    ),
}
