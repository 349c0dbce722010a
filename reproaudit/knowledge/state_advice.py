"""What to write so that a resumed run has a piece of state that it lacks: one table."""

from __future__ import annotations

from reproaudit.model.question import LostState, Restoration, StateKind
from reproaudit.trace.words import EPOCH_ORDER

_SAVE_AND_LOAD = {
    StateKind.PARAMETERS: "save model.state_dict() and load it with model.load_state_dict(...) "
    "before the first step, with strict=True so that nothing is left out",
    StateKind.BUFFERS: "buffers are part of model.state_dict(): save all of it, not "
    "model.parameters() alone, and load it with strict=True; register what is to be saved with "
    "persistent=True",
    StateKind.OPTIMIZER: "save optimizer.state_dict() and load it after the model's parameters, "
    "into an optimizer of the same parameters in the same order",
    StateKind.SCHEDULER: "save scheduler.state_dict() with the optimizer's, and load it after the "
    "optimizer's",
    StateKind.SCALER: "save scaler.state_dict() of the gradient scaler, and load it before the "
    "first backward pass",
    StateKind.AVERAGE: "save the averaged weights with the count of their updates, as "
    "AveragedModel.state_dict() has both, and load them instead of copying the model anew",
    StateKind.SAMPLER_EPOCH: "save the number of the epoch, and call sampler.set_epoch(epoch), or "
    "set_epoch of the loader that has it, before each iteration, the first after a resume too",
    StateKind.PYTHON_VALUE: "save the number in the checkpoint, and set it from there",
    StateKind.ACCUMULATION: "save only where an optimizer has just stepped, or begin the resumed "
    "run with the first part of the batch that was under way",
}
_STREAMS = {
    "torch CPU": ("torch.get_rng_state()", "torch.set_rng_state(state)"),
    "NumPy": ("numpy.random.get_state()", "numpy.random.set_state(state)"),
    "Python": ("random.getstate()", "random.setstate(state)"),
}
# By what the names of streams begin with that are no global ones.
_OWN = {
    "NumPy generator ": (
        "generator.bit_generator.state",
        "generator.bit_generator.state = state",
    ),
    "Python generator ": ("generator.getstate()", "generator.setstate(state)"),
}
_CUDA = "torch CUDA"
_CUDA_CALLS = ("torch.cuda.get_rng_state_all()", "torch.cuda.set_rng_state_all(states)")
_GENERATOR_CALLS = ("generator.get_state()", "generator.set_state(state)")
_POSITION = (
    "save how many batches of the epoch were taken, and skip as many before the first step; a "
    "loader with a state, torchdata's StatefulDataLoader, saves its place itself"
)
_ORDER = (
    "give the sampler a generator of its own, save the state that it has when the epoch begins, "
    "and put it in place before the loader is iterated; then skip the batches that were taken"
)
_LATER = (
    "restore it as the last thing before the first step, behind what draws from it: with a "
    "DataLoader after its iterator is made and batches are skipped, or give the loader a "
    "generator of its own, DataLoader(..., generator=g), from which its base seed is drawn then"
)
_KEEP = "restore it as the last thing before the first step, so that nothing changes it in between"


def advise_restoring(lost: LostState) -> str:
    """Return what to change so that a resumed run has the state; no full stop."""
    if lost.restoration is Restoration.SHIFTED:
        return _LATER if lost.kind is StateKind.RANDOM_STREAM else _KEEP
    if lost.kind is StateKind.RANDOM_STREAM:
        return _advise_stream(lost.name)
    if lost.kind is StateKind.DATA_POSITION:
        return _POSITION
    if lost.kind is StateKind.SAMPLER_EPOCH and lost.name == EPOCH_ORDER:
        return _ORDER
    return _SAVE_AND_LOAD[lost.kind]


def _advise_stream(name: str) -> str:
    read, write = _STREAMS.get(name, _GENERATOR_CALLS)
    if name.startswith(_CUDA):
        read, write = _CUDA_CALLS
    for beginning, calls in _OWN.items():
        if name.startswith(beginning):
            read, write = calls
    verb = "call" if write.endswith(")") else "set"
    return (
        f"save {read} with the checkpoint, and {verb} {write} as the last thing before the first "
        "step"
    )
