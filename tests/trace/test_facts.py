from pathlib import Path

from reproaudit.trace.facts import NO_RANK_YET, ProcessFacts
from reproaudit.trace.reader import Trace
from tests.trace.sample import DONE, new_writer


def test_a_process_is_no_rank_before_it_is_said(tmp_path: Path) -> None:
    new_writer(tmp_path / "a").close(DONE, 0)
    process = Trace.open(tmp_path / "a").process
    assert process == NO_RANK_YET
    assert not process.is_rank


def test_the_rank_that_is_learnt_later_reaches_the_header(tmp_path: Path) -> None:
    writer = new_writer(tmp_path / "a")
    facts = ProcessFacts(rank=1, world=3, restart=2)
    writer.identify(facts)
    writer.learn("gpu", "none")
    writer.close(DONE, 0)
    trace = Trace.open(tmp_path / "a")
    assert trace.process == facts
    assert trace.header["environment"]["gpu"] == "none"


def test_a_forked_child_does_not_inherit_the_rank(tmp_path: Path) -> None:
    writer = new_writer(tmp_path / "a")
    writer.identify(ProcessFacts(rank=1, world=3))
    writer.rehome("child-1").close(DONE, 0)
    assert Trace.open(tmp_path / "a" / "child-1").process == NO_RANK_YET
