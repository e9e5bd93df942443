# amaranth: UnusedElaboratable=no
"""A host and a core with a serial line between them: nothing is lost, nothing wrong gets in."""

import builtins
from functools import cache
from typing import Any

import numpy as np
import pytest

from rheobase.cosim import host as host_module
from rheobase.cosim.engines.link import SimulatedPort
from rheobase.cosim.host import Counters, Host, SerialPort, frame
from rheobase.hdl import link
from rheobase.hdl.core import Core
from rheobase.hdl.link import Link
from rheobase.models.integer.lif import IntegerLIF
from rheobase.models.integer.network import Network, Synapses

STEPS, EVENTS = 40, 1200


def neurons(n: int, profiles: int) -> list[IntegerLIF]:
    made = [
        IntegerLIF(12, 100 + 40 * k, refractory=1, leak="shift", leak_bits=4, input_width=8)
        for k in range(profiles)
    ]
    return [made[k % profiles] for k in range(n)]


def sparse() -> Core:
    rng, n, axons, size = np.random.default_rng(1), 20, 48, 500
    synapses = Synapses(
        rng.integers(0, axons, size), rng.integers(0, n, size), rng.integers(-60, 128, size),
        rng.integers(0, 3, size),
    )  # fmt: skip
    network = Network(neurons(n, 5), axons, synapses, loop=28, slots=4)
    return Core(network, "sparse", 8, lanes=2, events=300)


def dense() -> Core:
    """Rows of 200 words: an event takes longer than its byte on the line."""
    rng, n, axons = np.random.default_rng(2), 200, 10
    axon, target = np.divmod(np.arange(n * axons), n)
    network = Network(neurons(n, 1), axons, Synapses(axon, target, rng.integers(-8, 8, axon.size)))
    return Core(network, "dense", 4, events=500, single_port=True)


CORES = {"sparse": sparse, "dense": dense}


@cache
def compiled(name: str) -> tuple[Core, SimulatedPort]:
    core = CORES[name]()
    return core, SimulatedPort(Link(core, 4))


def events(core: Core, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Some that are not looped back."""
    rng = np.random.default_rng(seed)
    outside = core.network.loop or core.network.axons
    return rng.integers(0, STEPS, EVENTS), rng.integers(0, outside, EVENTS)


def runs_like_the_model(core: Core, host: Host, before: Counters) -> None:
    at, on = events(core)
    model = core.network.run(at, on, STEPS)
    found = host.run(at, on, STEPS)
    np.testing.assert_array_equal(found.spikes, model.spikes)
    assert found.counters.dropped == before.dropped
    assert found.counters.saturated == before.saturated + model.saturated
    assert found.counters.refused == before.refused
    assert model.spikes[0].size > 100


@pytest.mark.parametrize("name", CORES)
def test_a_hosted_core_equals_the_integer_model(name: str) -> None:
    core, port = compiled(name)
    host = Host(core, port)
    host.load()
    refused = host.counters().refused
    runs_like_the_model(core, host, Counters(0, 0, refused))
    host.load()  # the start again
    runs_like_the_model(core, host, Counters(0, 0, refused))


def test_sums_that_were_cut_are_counted() -> None:
    core, _ = compiled("sparse")
    at, on = events(core)
    assert core.network.run(at, on, STEPS).saturated > 100  # so that the test above means it


def sound(kind: int, items: bytes) -> bytes:
    return frame(bytes([kind]) + items)


def test_wrong_frames_are_counted_and_change_nothing() -> None:
    """Between the frames of a run come all sorts of wrong ones; the run is that of the model."""
    core, port = compiled("sparse")
    host = Host(core, port)
    host.load()
    first = host.counters().refused
    rng, end = np.random.default_rng(5), bytes([link.END])
    names = list(core.contents)
    weights, rows = (link.WRITE + names.index(name) for name in ("weights", "rows"))
    whole = sound(weights, bytes([0, 0, 0]) + bytes(20))
    wrong = [
        bytes(rng.integers(0, 192, 50).astype(np.uint8)) + end,  # noise, one frame
        bytes([whole[0] ^ 1]) + whole[1:],  # a bit
        whole[:5] + whole[6:],  # a byte is lost
        whole[:5] + b"\1" + whole[5:],  # a byte too many
        bytes([link.ESC, 1]) + whole,  # ESC before what is not escaped
        bytes([1, link.ESC]) + end,  # ESC before END
        sound(99, b""),  # an unknown kind
        sound(99, b"123"),
        sound(link.RESET, b"1"),  # with an item that it should not have
        sound(link.COUNTERS, b"1"),
        sound(weights, bytes(2)),  # a part of an address
        sound(rows, bytes(3) + b"1"),  # a part of a word
        sound(rows, (core.network.axons).to_bytes(3, "little") + bytes(3)),  # no such address
        sound(rows, b"\0\0\1" + bytes(3)),
        sound(rows, bytes(3) + b"\xff\xff\xff"),  # surplus bits
        sound(link.ARRIVALS, b"\xff"),
        bytes(600) + end,  # longer than the memory
    ]
    assert link.size(core.write_rows.data.shape().width) == 3
    for each in wrong:
        port.write(each)
    port.write(end * 3)  # nothing between ends is no frame
    assert host.counters() == (0, 0, first + len(wrong))
    runs_like_the_model(core, host, Counters(0, 0, first + len(wrong)))


def test_axons_that_do_not_exist_are_dropped() -> None:
    core, port = compiled("sparse")
    host = Host(core, port)
    host.load()
    refused = host.counters().refused
    host.arrivals([core.network.axons, 63, 50])
    assert host.counters() == (3, 0, refused)
    runs_like_the_model(core, host, Counters(3, 0, refused))


def test_flow_control_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that never waits loses frames where the core is slower than the line; it is told."""
    core, port = compiled("dense")
    host = Host(core, port)
    host.load()
    refused = host.counters().refused
    monkeypatch.setattr(host_module, "FRAME", -(10**6))  # what it believes to be under way
    host.arrivals([1] * EVENTS)
    assert host.counters().refused > refused


class Silent:
    def write(self, data: bytes) -> None:
        """Nobody listens."""

    def read(self) -> bytes:
        return b""


def test_a_core_that_does_not_answer() -> None:
    with pytest.raises(RuntimeError, match=r"the core has not answered for 0\.05 s"):
        Host(compiled("sparse")[0], Silent(), 0.05).counters()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (b"\1\2\3\4\xc0", "wrong checksum: 01020304"),
        (b"\0\xc0", "wrong checksum: 00"),
        (frame(b"\7"), "a frame that is none: 07"),
        (frame(b"\1\0"), "a frame that is none: 0100"),
        (frame(b"\0" + bytes(3))[:-2] + b"\xc0", "wrong checksum"),
    ],
)
def test_what_is_not_of_the_protocol(said: bytes, message: str) -> None:
    port = Silent()
    port.read = lambda: said  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match=message):
        Host(compiled("sparse")[0], port).counters()


def test_events_out_of_range() -> None:
    host = Host(compiled("sparse")[0], Silent())
    with pytest.raises(ValueError, match=r"axons must be in 0 \.\. 47, not 48 \(event 1\)"):
        host.run([0, 0], [0, 48], 1)
    with pytest.raises(ValueError, match=r"ticks must be in 0 \.\. 0, not 1 \(event 0\)"):
        host.run([1], [0], 1)


@pytest.mark.parametrize(
    ("divisor", "error"), [(3, ValueError), (4.0, TypeError), (True, TypeError)]
)
def test_divisor(divisor: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="divisor must be"):
        Link(sparse(), divisor)


def test_a_serial_port_of_this_computer() -> None:
    port = SerialPort("loop://", 115200)
    port.write(frame(b"\0"))
    assert port.read() == frame(b"\0")
    assert port.read() == b""
    port.close()


def test_pyserial_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "serial":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RuntimeError, match=r'need pyserial.*pip install "rheobase\[fpga\]"'):
        SerialPort("loop://", 115200)
