"""Where caches go, and what Yosys says when it fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rheobase.hdl import yosys


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """The choice of the folder is made once per process; each test makes it anew."""
    yosys.cache_folder.cache_clear()
    yield
    yosys.cache_folder.cache_clear()


def test_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert yosys.cache_folder() == tmp_path / "cache"
    yosys.cache_folder.cache_clear()
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert yosys.cache_folder() == tmp_path / ".cache"


def test_closed_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the user's folder cannot be made, a temporary one is used."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert yosys.cache_folder().is_dir()
    assert not yosys.cache_folder().is_relative_to(tmp_path)


def test_errors_are_told() -> None:
    with pytest.raises(RuntimeError, match=r"Yosys .*no_such_command"):
        yosys.run("no_such_command\n")
