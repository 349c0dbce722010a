"""Whether each variation takes hold in a program, and leaves alone what it is not about.

One program shows all that it sees. It is run as it is, and under two sets of variations that do not
touch each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reproaudit.knowledge.variation import name_fact
from tests.record.variations.observing import Observed, observe

SEES = """
import json
import os
import site
import tempfile
import time
import datetime
import locale
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

seen = {}
seen["threads"] = torch.get_num_threads()
torch.set_num_threads(3)
seen["threads after its own call"] = torch.get_num_threads()
seen["interop"] = torch.get_num_interop_threads()
seen["hash"] = hash("a word")
seen["year"] = datetime.datetime.now().year
seen["days"] = int(time.time() // 86_400)
seen["zone"] = time.tzname[0]
seen["elapsed"] = time.perf_counter() > 86_400 * 300
seen["language"] = os.environ.get("LC_ALL")
seen["home"] = os.listdir(os.path.expanduser("~"))
seen["user base"] = site.getuserbase()
seen["path"] = os.environ["PATH"].split(os.pathsep)[-1]
seen["captured"] = os.environ.get("CAPTURE_ENVIRONMENT")
mask = os.umask(0)
os.umask(mask)
seen["umask"] = oct(mask)
with tempfile.TemporaryDirectory() as folder:
    for name in "cadbgefh":
        open(os.path.join(folder, name), "w").close()
    seen["listing"] = os.listdir(folder)
    with os.scandir(folder) as entries:
        seen["scanned"] = [entry.name for entry in entries]
seen["torch's memory"] = torch.empty(5, dtype=torch.uint8).tolist()
seen["NumPy's memory"] = np.empty(1 << 18, dtype=np.uint8)[100:105].tolist()
seen["zeros"] = torch.zeros(5).tolist()
torch.backends.mkldnn.set_flags(torch.backends.mkldnn.enabled)
seen["mkldnn"] = torch.backends.mkldnn.enabled

generator = np.random.default_rng(0)
samples = torch.from_numpy(generator.normal(size=(8, 3, 9, 9)).astype("float32"))
loader = DataLoader(TensorDataset(samples), batch_size=4)
seen["workers"] = loader.num_workers
beside = DataLoader(TensorDataset(samples), batch_size=4, num_workers=1)
seen["prefetch"] = beside.prefetch_factor
seen["persistent"] = beside.persistent_workers
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(196, 1))
known = {id(parameter) for parameter in model.parameters()}
optimizer = torch.optim.AdamW(model.parameters())
seen["foreach"] = optimizer.defaults["foreach"]
seen["fused"] = optimizer.defaults["fused"]
for (batch,) in loader:
    optimizer.zero_grad()
    model(batch).square().mean().backward()
    optimizer.step()
weight = model[0].weight
seen["channels last"] = weight.is_contiguous(memory_format=torch.channels_last)
seen["same parameters"] = known == {id(parameter) for parameter in model.parameters()}
seen["draw"] = torch.rand(3).tolist()
print(json.dumps(seen))
"""
FIRST = (
    "threads=6",
    "interop_threads=5",
    "hash_seed=7",
    "memory=90",
    "time=+373days+7hours",
    "timezone=GMT-14",
    "home=empty",
    "path=/i_capture_the_path",
    "umask=0077",
    "fileordering=reversed",
    "mkldnn=off",
    "workers=2",
    "foreach=on",
)
SECOND = (
    "threads=1",
    "memory.history=used",
    "locales=C",
    "environment=i_capture_the_environment",
    "fileordering=shuffled",
    "memory_format=channels_last",
    "workers.prefetch=4",
    "workers.persistent=on",
    "fused=on",
)
# What the program shows, as it is told to be by a variation of the first or the second set.
SHOWN: tuple[tuple[str, Any, Any], ...] = (
    ("threads", 6, 1),
    ("threads after its own call", 6, 1),
    ("zone", "GMT", None),
    ("home", [], None),
    ("path", "/i_capture_the_path", None),
    ("umask", "0o77", None),
    ("listing", list("hgfedcba"), list("ahcdfbge")),
    ("scanned", list("hgfedcba"), list("ahcdfbge")),
    ("torch's memory", [90] * 5, None),
    ("NumPy's memory", [90] * 5, None),
    ("mkldnn", False, None),
    ("workers", 2, None),
    ("foreach", True, None),
    ("interop", 5, None),
    ("language", None, "C"),
    ("captured", None, "i_capture_the_environment"),
    ("channels last", None, True),
    ("prefetch", None, 4),
    ("persistent", None, True),
    ("fused", None, True),
)
# What none of them may touch.
LEFT_ALONE = ("zeros", "same parameters", "draw", "elapsed", "user base")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observe(tmp_path_factory.mktemp("plain"), SEES, LC_ALL="POSIX", TZ="UTC")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observe(tmp_path_factory.mktemp("first"), SEES, *FIRST)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observe(tmp_path_factory.mktemp("second"), SEES, *SECOND)


@pytest.mark.parametrize(("name", "in_first", "in_second"), SHOWN, ids=[row[0] for row in SHOWN])
def test_a_program_sees_what_is_varied_and_nothing_else(
    name: str, in_first: Any, in_second: Any, plain: Observed, first: Observed, second: Observed
) -> None:
    for varied, wanted in ((first, in_first), (second, in_second)):
        if wanted is not None:
            assert varied.seen[name] == wanted
            assert plain.seen[name] != wanted


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_is_not_varied_stays_as_it_is(
    name: str, plain: Observed, first: Observed, second: Observed
) -> None:
    assert first.seen[name] == second.seen[name] == plain.seen[name]


def test_a_hash_seed_gives_the_same_hashes_and_none_gives_others(
    plain: Observed, first: Observed, tmp_path: Path
) -> None:
    source = "import json, torch; print(json.dumps({'hash': hash('a word')}))"
    again = observe(tmp_path, source, "hash_seed=7")
    assert again.seen["hash"] == first.seen["hash"] != plain.seen["hash"]


def test_the_clock_is_shifted_and_goes_on(plain: Observed, first: Observed) -> None:
    assert first.seen["days"] - plain.seen["days"] in (373, 374, 375)
    assert first.seen["year"] > plain.seen["year"]


@pytest.mark.parametrize(
    ("settings", "which"), [(FIRST, "first"), (SECOND, "second")], ids=["first", "second"]
)
def test_a_run_says_in_its_trace_what_took_hold(
    settings: tuple[str, ...], which: str, request: pytest.FixtureRequest
) -> None:
    environment = request.getfixturevalue(which).environment
    told = {
        f"{name.removeprefix('variation.')}={value}"
        for name, value in environment.items()
        if name.startswith(name_fact(""))
    }
    silent = {"threads", "hash_seed", "time", "timezone", "locales", "home", "path"}
    silent |= {"environment", "umask", "fileordering"}
    assert told == {text for text in settings if text.partition("=")[0] not in silent}


def test_a_program_as_it_is_says_of_no_variation_that_it_took_hold(plain: Observed) -> None:
    assert not [name for name in plain.environment if name.startswith(name_fact(""))]


HAS_IT_ALREADY = """
import json
import torch
from torch.utils.data import DataLoader
loader = DataLoader(list(range(4)), num_workers=2)
optimizer = torch.optim.Adam([torch.zeros(1)], foreach=True)
plain = torch.optim.SGD([torch.zeros(1)], lr=0.1)
model = torch.nn.Conv2d(2, 2, 3).to(memory_format=torch.channels_last)
model(torch.ones(1, 2, 5, 5).to(memory_format=torch.channels_last))
torch.nn.Linear(2, 2)(torch.ones(1, 2))
print(json.dumps({"workers": loader.num_workers, "fused": plain.defaults["fused"]}))
"""


def test_what_a_program_has_already_does_not_take_hold(tmp_path: Path) -> None:
    settings = ("workers=2", "memory_format=channels_last", "workers.persistent=off", "fused=off")
    varied = observe(tmp_path, HAS_IT_ALREADY, *settings)
    assert not [name for name in varied.environment if name.startswith(name_fact(""))]
    assert varied.seen == {"workers": 2, "fused": False}


def test_workers_that_are_taken_away_take_their_arguments_along(tmp_path: Path) -> None:
    source = """
    import json
    from torch.utils.data import DataLoader
    loader = DataLoader([1, 2], num_workers=2, prefetch_factor=3, persistent_workers=True,
                        timeout=60)
    shown = [batch.tolist() for batch in loader]
    print(json.dumps({"workers": loader.num_workers, "batches": shown}))
    """
    varied = observe(tmp_path, source, "workers=0")
    assert varied.seen == {"workers": 0, "batches": [[1], [2]]}
    assert varied.environment[name_fact("workers")] == "0"
