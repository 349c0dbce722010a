"""Whether cuDNN's benchmark mode can be switched on."""

from __future__ import annotations

from torch.backends import cudnn

from reproaudit.record.repairs import cudnn_benchmark
from tests.record.repairs.running import reach_here


def test_the_benchmark_mode_stays_off_and_the_other_flags_are_the_programs() -> None:
    assert not cudnn.benchmark
    with reach_here() as reach:
        cudnn_benchmark.install(reach)
        cudnn.benchmark = True
        assert not cudnn.benchmark
        with cudnn.flags(enabled=True, benchmark=True, deterministic=True):
            assert (cudnn.benchmark, cudnn.deterministic) == (False, True)
    with cudnn.flags(enabled=True, benchmark=True):
        assert cudnn.benchmark
    assert not cudnn.benchmark
