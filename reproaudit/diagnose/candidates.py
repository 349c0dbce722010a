"""Which interventions the evidence names for a finding, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from reproaudit.compare.entropy import EntropyCall, has_random_hashes
from reproaudit.compare.localise import Origin
from reproaudit.diagnose.sources import Explained
from reproaudit.knowledge.interventions import INTERVENTIONS, against
from reproaudit.knowledge.mechanisms import mechanism_of
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.model.result import Cause, Finding
from reproaudit.trace.runs import MAIN_PROCESS, Run

# By the start of the call's name: what makes that call give the same in each run. The longest match
# counts.
_BY_CALL = {
    "random.": ("seed.python",),
    "random.SystemRandom": ("entropy.fixed",),
    "numpy.random.RandomState": ("seed.numpy",),
    "numpy.random": ("seed.numpy",),
    "numpy.random.default_rng": ("seed.numpy_generators",),
    "numpy.random.SeedSequence": ("seed.numpy_generators",),
    "numpy.random.PCG64": ("seed.numpy_generators",),
    "torch.manual_seed": ("clock.fixed", "entropy.fixed", "seed.python", "seed.numpy"),
    "torch.seed": ("seed.torch_generators",),
    "torch.Generator.seed": ("seed.torch_generators",),
    "os.urandom": ("entropy.fixed",),
    "os.getpid": ("entropy.fixed",),
    "os.getppid": ("entropy.fixed",),
    "uuid.": ("entropy.fixed",),
    "secrets.": ("entropy.fixed",),
    "time.": ("clock.fixed",),
    "datetime.": ("clock.fixed",),
    "queue.": ("threads.serial",),
    "concurrent.futures": ("order.arrival", "threads.serial"),
    "multiprocessing.": ("order.arrival", "threads.serial", "workers.none"),
    "asyncio.": ("order.arrival",),
    "torch.utils.data.DataLoader": ("order.arrival", "workers.none"),
    "sqlite3": ("sqlite.random",),
    "os.listdir": ("files.sorted",),
    "os.scandir": ("files.sorted",),
    "os.path.get": ("files.sorted", "threads.serial"),
    "os.stat": ("files.sorted", "threads.serial"),
    "os.path.exists": ("files.fresh",),
    "os.path.isfile": ("files.fresh",),
    "os.path.isdir": ("files.fresh",),
    "glob.": ("files.sorted",),
    "pathlib.": ("files.sorted",),
    "pathlib.Path.exists": ("files.fresh",),
}
_STREAMS = {"python": "seed.python", "numpy": "seed.numpy", "torch.cpu": "seed.torch"}
_LAST_RESORT = (
    "compile.off",
    "workers.none",
    "files.fresh",
)  # they change more of the program than its one cause


def candidates(explained: Explained, pair: tuple[Run, Run], *, cuda: bool) -> tuple[str, ...]:
    """Return interventions to try for the finding, each once: those that its evidence names, then
    its cause's."""
    finding, found = explained.finding, list[str]()
    if explained.call is not None:
        found += by_call(explained.call)
    found += explained.named
    if finding.cause is Cause.KERNEL or (explained.named and explained.source.origin is Origin.OP):
        found += _against_kernel(finding, cuda=cuda)
    if finding.cause is Cause.UNSEEDED_RNG and explained.source.origin is Origin.RANDOM:
        own = _draws_from_own_generator(explained, pair)
        found += (
            ("seed.torch_generators", "seed.torch")
            if own
            else ("seed.torch", "seed.torch_generators")
        )
    if finding.cause is Cause.RNG_ORDER:
        found += ("threads.serial", "hash.seed", "clock.fixed")
    if finding.cause is Cause.UNKNOWN or (
        explained.is_from_outside and not explained.has_exact_line
    ):
        found += against((finding.cause,), cuda=cuda)  # first what is suspected, then what is usual
        found += drawn_streams(*pair)
        found += ("hash.seed",) if has_random_hashes(pair[0]) else ()
        found += drawn_streams(*pair, at_least=0)
    found += against((finding.cause,), cuda=cuda)
    return tuple(dict.fromkeys(found))


def _against_kernel(finding: Finding, *, cuda: bool) -> list[str]:
    """Return what the op's mechanism on a GPU names, in the order that repeating the op gives it."""
    mechanism = mechanism_of(finding.op) if cuda else None
    named = list(mechanism.interventions) if mechanism is not None else []
    if mechanism is not None and mechanism.id == "convolution" and finding.evidence.replayed:
        # An algorithm once chosen by timing is kept, so what differs when it is repeated is the
        # algorithm itself.
        named.sort(key=lambda name: name != "cudnn.deterministic")
    if finding.evidence.switched is False:
        # The deterministic forms were tried on the op itself and do not repair it. Where it has a
        # mechanism, the flag may still have the function above take another op: interpolate() does.
        named.sort(key=lambda name: name == "kernels.deterministic")
        named += ["kernels.cpu"] if cuda and finding.evidence.declared else []
        named.append("threads.one")
    return named


def by_call(call: EntropyCall) -> tuple[str, ...]:
    """Return what makes the call give the same in each run; what a worker process draws depends on
    its seed first."""
    matches = [prefix for prefix in _BY_CALL if call.name.startswith(prefix)]
    named = _BY_CALL[max(matches, key=len)] if matches else ()
    if call.process != MAIN_PROCESS and ("random" in call.name or "seed" in call.name):
        return ("workers.seed", *named, "clock.fixed", "entropy.fixed", "workers.none")
    return named


def drawn_streams(a: Run, b: Run, at_least: int = 1) -> tuple[str, ...]:
    """Return the seedings of global streams whose states differed and changed `at_least` so often,
    in a fixed order.

    A stream that was not seen to change may have been drawn from before it was first looked at.
    """
    states_a, states_b = _states(a), _states(b)
    on_devices = sorted(stream for stream in states_a if stream.startswith("torch.cuda:"))
    return tuple(
        dict.fromkeys(
            _STREAMS.get(stream, "seed.torch")
            for stream in (*_STREAMS, *on_devices)
            if stream in states_a
            and stream in states_b
            and len(states_a[stream]) > at_least
            and states_a[stream].isdisjoint(states_b[stream])
        )
    )


def _states(run: Run) -> dict[str, set[tuple[int, int]]]:
    found: dict[str, set[tuple[int, int]]] = {}
    events = run.main.events
    for number in np.flatnonzero(events["kind"] == EventKind.RNG):
        row = events[number]
        found.setdefault(run.main.strings[row["name"]], set()).add(
            (int(row["outputs"][0]), int(row["outputs"][1]))
        )
    return found


def _draws_from_own_generator(explained: Explained, pair: tuple[Run, Run]) -> bool:
    source = explained.source
    if source.event_a is None:
        return False
    row = dict(pair[0].traces)[source.process].events[source.event_a]
    return bool(row["flags"] & EventFlag.OWN_GENERATOR)


def everything(*, cuda: bool, compiles: bool) -> tuple[str, ...]:
    """Return every intervention that may be tried at once, those that change least first in the
    table's order."""
    return tuple(
        name
        for name, entry in INTERVENTIONS.items()
        if ((cuda or not entry.only_cuda) and name not in _LAST_RESORT)
        or (name == "compile.off" and compiles)
    )


def cause_repaired_by(names: Iterable[str]) -> Cause | None:
    """Return the cause that the interventions together speak for: that of their first entry; None
    if they disagree."""
    causes = {INTERVENTIONS[name].causes[0] for name in names}
    return causes.pop() if len(causes) == 1 else None


def ranked(lists: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Yield unions to try: the first of each list, the first two of each, and so on until nothing
    is added."""
    depth = 1
    while True:
        union = tuple(dict.fromkeys(name for names in lists for name in names[:depth]))
        yield union
        if all(len(names) <= depth for names in lists):
            return
        depth += 1
