"""Where caches go, and what Yosys says when it fails."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

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


def test_only_zeros_are_dropped() -> None:
    """What a memory starts with goes into the tools, unless that is 0 in every word."""

    class Memories(Component):
        address: In(2)
        zeros: Out(4)
        words: Out(4)

        def elaborate(self, platform: object) -> Module:
            m = Module()
            for name, init in (("zeros", [0, 0, 0]), ("words", [0, 5, 0])):
                m.submodules[name] = memory = Memory(shape=4, depth=3, init=init)
                port = memory.read_port()
                m.d.comb += [port.addr.eq(self.address), getattr(self, name).eq(port.data)]
            return m

    text = yosys.run(f"{yosys.load(Memories(), 'top')}proc\nmemory_collect\nwrite_rtlil\n")
    found = re.findall(r"cell \$mem_v2 \\(\w+)|parameter \\INIT (\S+)", text)
    assert found == [("words", ""), ("", "12'000001010000"), ("zeros", ""), ("", "12'x")]
