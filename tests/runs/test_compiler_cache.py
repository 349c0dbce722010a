"""Where compiled code is kept, and that PyTorch looks for it in the same place."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.settings import Settings
from reproaudit.runs.compiler_cache import CompilerCache


def test_the_default_folder_is_the_one_that_pytorch_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_dir_utils = pytest.importorskip("torch._inductor.runtime.cache_dir_utils")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setenv("USER", "a:b")
    monkeypatch.setenv("LOGNAME", "a:b")
    assert str(CompilerCache(Settings(), tmp_path).folder) == cache_dir_utils.default_cache_dir()


def test_a_variable_of_the_settings_counts_before_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "ours"))
    assert CompilerCache(Settings(), tmp_path).folder == tmp_path / "ours"
    settings = Settings(env=(("TORCHINDUCTOR_CACHE_DIR", "theirs"),))
    assert CompilerCache(settings, tmp_path / "work").folder == tmp_path / "work" / "theirs"


def test_caches_of_other_compilers_that_are_named_are_shared_by_their_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", "../triton")
    cache = CompilerCache(Settings(), tmp_path / "work")
    assert dict(cache.share().env)["TRITON_CACHE_DIR"] == str(tmp_path / "triton")


def test_a_cache_is_shared_once_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    wanted = Settings(env=(("TORCHINDUCTOR_CACHE_DIR", str(folder)),))
    cache = CompilerCache(wanted, tmp_path)
    assert (cache.share(), cache.count_files()) == (Settings(), 0)
    (folder / "ab").mkdir(parents=True)
    (folder / "ab" / "kernel.cpp").write_text("")
    assert (cache.share(), cache.count_files()) == (wanted, 1)
