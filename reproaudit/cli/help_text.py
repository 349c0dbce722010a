"""What `reproaudit --help` says before and after the options."""

_EXAMPLES = """\
Run a PyTorch program several times, compare batches, outputs, gradients and parameters bit for \
bit, and name the
operator and the line where the runs first differ, the cause, and the smallest change that \
repairs it, proven by
running it.

  reproaudit train.py                         audit a script as it is: 5 runs, 10 or more steps
  reproaudit train.py --steps all --lr 0.1    our options first; from the first that is not ours, \
all are the script's
  reproaudit train.py --fast                  a first look: 3 runs, the operator and the cause; no \
fix is tried
  reproaudit train.py --thorough              before a paper: 45 runs where none differs, half of \
them under load
  reproaudit --seed 0 -- train.py --seed 1    after -- nothing is ours
                                              (without it an option that both have is ours, and
                                              a warning says so)
  reproaudit -m package.train --lr 0.1        a module, as `python -m` runs it
  reproaudit notebook.ipynb                   a notebook (pip install 'reproaudit[notebook]')
  reproaudit -- torchrun --nproc-per-node 2 train.py
                                              any command that starts Python: torchrun, accelerate
                                              launch, bash run.sh, make train; ranks are compared
                                              with those of other runs, and with each other
  reproaudit file.py::training_step           call a function as the training step
  reproaudit file.py::Net --inputs float32[8,3,32,32]    build a step around an nn.Module
"""
# Group -> command -> what it is for. `audit`, the one whose name may be left out, stands in none.
_GROUPS = {
    "ask more of a program": {
        "resume": "does a run that is stopped and gone on with equal one that is not?",
        "vary": "does it depend on what ought not to matter: threads, hash seed, time zone, …",
        "seeds": "does its seed reach what is drawn, and when were seeds and flags set?",
    },
    "hold a project to it": {
        "ci": "audit the subjects of pyproject.toml, against a baseline",
        "lock": "keep what a run computes in reproaudit.lock, for review",
        "check": "compare a run with it: what differs first, and what changed",
    },
    "work on single runs and saved results": {
        "record": "one run, one trace",
        "compare": "compare traces, also from other machines",
        "manifest": "what a run here is made of, as JSON: code, packages, machine, settings",
        "digest": "digests of a run's steps, by which it is compared without sending its trace",
        "report": "render a saved result again",
        "serve": "show the saved results of a folder in a browser",
    },
    "look something up": {
        "doctor": "whether this machine can audit, what is missing, and what to do",
        "explain": "what a rule, cause, intervention or error code means",
        "atlas": "which operators of PyTorch differ on equal inputs",
        "completion": "have bash, zsh or fish complete all of this",
    },
}
COMMAND_LINES: dict[str, str] = {
    "audit": "is it reproducible, where do two runs first differ, and why?",
    **{name: line for group in _GROUPS.values() for name, line in group.items()},
}


def _list_commands() -> str:
    lines = ["commands, each with a --help of its own:"]
    for title, commands in _GROUPS.items():
        lines.append(f"  {title}")
        lines += [f"    {name:<10} {line}" for name, line in commands.items()]
    return "\n".join(lines)


AUDIT_DESCRIPTION = f"{_EXAMPLES}\n{_list_commands()}\n"
AUDIT_EPILOG = """\
exit codes: 0 reproducible, or within the tolerance asked for; 1 a divergence was found; 2 the \
audit was not possible"""
