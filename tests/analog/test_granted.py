"""Transients under grants: the spikes of plain ``ngspice -b``, and a clear word when one ends."""

import re
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from rheobase.analog.benches import crossing
from rheobase.analog.bias import design
from rheobase.analog.cells import dpi
from rheobase.analog.granted import PS, Change, Granted, recorded, write
from rheobase.analog.group import RELTOL, Group, Synapse
from rheobase.analog.lif import AnalogLIF
from rheobase.analog.ngspice import NgspiceError
from rheobase.analog.technology import generic180

from .conftest import BRUNEL

T_STOP = 60_000_000  # ps: three membrane time constants
WIDTH, RAMP = 400_000, 4e-9  # of a pulse, in ps; of its edges, in s
STEP = 0.2e-6  # a hundredth of tau_m
ISI_BUDGET = 5e-4


class Run(NamedTuple):
    changes: list[Change]  # crossings, in the order of the answers
    ends: list[int]  # what each grant reached, in ps
    counts: list[int]  # crossings that each grant reported
    record: bytes


@pytest.fixture(scope="module")
def lif() -> AnalogLIF:
    return design(BRUNEL, speed_up=1000.0)


@pytest.fixture(scope="module")
def group(lif: AnalogLIF) -> Group:
    """A neuron that fires by itself, and a synapse of either kind."""
    kinds = ("excitatory", "inhibitory")
    cells = [dpi.design(generic180, kind, 5e-6, 0.5e-9, WIDTH * PS, 0.2e-12)[0] for kind in kinds]
    return Group((lif,), (lif.current(30e-3),), tuple(Synapse(0, cell) for cell in cells))


def pulses(inputs: int, seed: int = 1) -> list[Change]:
    """Fifteen pulses on each input, not on a grid that grants share."""
    rng = np.random.default_rng(seed)
    found = []
    for wire in range(inputs):
        for slot in rng.choice(np.arange(1, T_STOP // 1_000_000 - 1), 15, replace=False):
            time = int(slot) * 1_000_000 + 3_333 + 211_111 * wire
            found += [Change(time, wire, 1), Change(time + WIDTH, wire, 0)]
    return sorted(found)


def granted(
    group: Group, changes: list[Change], folder: Path, size: int, step: float = STEP
) -> Run:
    """Grants of a size in ps, each with the changes that it covers."""
    crossings: list[Change] = []
    ends: list[int] = []
    counts: list[int] = []
    given = 0
    write(group, "group", folder, T_STOP, step, RAMP)
    with Granted("group", folder) as process:
        while process.reached < T_STOP:
            until = min(process.reached + size, T_STOP)
            covered = sum(each.time <= until for each in changes)
            process.grant(until, changes[given:covered])
            given = covered
            found = process.answer()
            crossings += found
            ends.append(process.reached)
            counts.append(len(found))
    return Run(crossings, ends, counts, (folder / "group.f64").read_bytes())


def plain(group: Group, changes: list[Change], folder: Path, reltol: float = RELTOL) -> np.ndarray:
    """Spike times of neuron 0 in s, from ``ngspice -b`` with PWL sources."""
    sources = []
    for wire in range(len(group.inputs)):
        corners = "0 0"
        for each in changes:
            if each.wire == wire:
                low, high = (group.high * level for level in (1 - each.level, each.level))
                corners += f" {each.time * PS!r} {low!r} {each.time * PS + RAMP!r} {high!r}"
        sources.append(f"pwl({corners})")
    for name, text in group.neurons[0].technology.texts.items():
        (folder / name).write_text(text)
    (folder / ".spiceinit").write_text("set num_threads=1\n")
    (folder / "plain.cir").write_text(group.netlist(sources, T_STOP * PS, STEP, reltol))
    command = ["ngspice", "-b", "-r", "plain.raw", "plain.cir"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    head, _, body = (folder / "plain.raw").read_bytes().partition(b"Binary:\n")
    names = re.findall(r"^\t\d+\t(\S+)", head.decode(), re.M)
    rows = np.frombuffer(body).reshape(-1, len(names))
    found = crossing(rows[:, 0], rows[:, names.index("v(spike0)")], group.high / 2)
    return found[found <= T_STOP * PS]


def spikes(run: Run, wire: int = 0) -> np.ndarray:
    return np.array([each.time * PS for each in run.changes if each.level and each.wire == wire])


def isi_error(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest relative error of an interval; infinite if spikes are lost or doubled."""
    if len(found) != len(expected):
        return float("inf")
    return float(np.max(np.abs(np.diff(found) / np.diff(expected) - 1)))


@pytest.fixture(scope="module")
def reference(group: Group, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    return plain(group, pulses(2), tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def run(group: Group, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return granted(group, pulses(2), tmp_path_factory.mktemp("granted"), 1_000_000)


def test_intervals_are_those_of_plain_ngspice(run: Run, reference: np.ndarray) -> None:
    assert len(reference) >= 3
    assert isi_error(spikes(run), reference) < ISI_BUDGET


def test_longer_grants_give_the_same_intervals(
    group: Group, reference: np.ndarray, tmp_path: Path
) -> None:
    assert isi_error(spikes(granted(group, pulses(2), tmp_path, T_STOP)), reference) < ISI_BUDGET


def test_a_finer_tolerance_gives_the_same_intervals(group: Group, run: Run, tmp_path: Path) -> None:
    assert isi_error(spikes(run), plain(group, pulses(2), tmp_path, RELTOL / 5)) < ISI_BUDGET


def test_half_the_step_gives_the_same_intervals(group: Group, run: Run, tmp_path: Path) -> None:
    half = granted(group, pulses(2), tmp_path, 1_000_000, STEP / 2)
    assert isi_error(spikes(half), spikes(run)) < ISI_BUDGET


@pytest.mark.parametrize("fault", ["lost", "doubled"])
def test_the_comparison_sees_a_pulse_that_is(
    fault: str, group: Group, reference: np.ndarray, tmp_path: Path
) -> None:
    changes = pulses(2)
    first = [each for each in changes if each.wire == 0][:2]
    if fault == "lost":
        changes = [each for each in changes if each not in first]
    else:
        again = [Change(each.time + WIDTH + 50_000, 0, each.level) for each in first]
        changes = sorted(changes + again)
    assert isi_error(spikes(granted(group, changes, tmp_path, T_STOP)), reference) > ISI_BUDGET


def test_the_same_grants_give_the_same_bits(group: Group, run: Run, tmp_path: Path) -> None:
    assert granted(group, pulses(2), tmp_path, 1_000_000) == run


def test_a_grant_ends_where_it_was_to_or_one_step_behind_a_crossing(run: Run) -> None:
    start = behind = 0
    for end, n in zip(run.ends, run.counts, strict=True):
        within = run.changes[behind : behind + n]
        assert end == min(start + 1_000_000, T_STOP) or within
        assert all(start <= each.time <= end <= each.time + STEP / PS for each in within)
        start, behind = end, behind + n
    assert behind == len(run.changes) > 0


def test_neurons_of_a_group_do_not_disturb_each_other(lif: AnalogLIF, tmp_path: Path) -> None:
    drives = [lif.current(mu) for mu in (30e-3, 40e-3)]
    both = granted(Group((lif, lif), tuple(drives)), [], tmp_path, 5_000_000)
    for wire, drive in enumerate(drives):
        alone = spikes(granted(Group((lif,), (drive,)), [], tmp_path, 5_000_000))
        assert isi_error(spikes(both, wire), alone) < ISI_BUDGET


def test_a_process_that_dies_is_told_and_its_record_kept(group: Group, tmp_path: Path) -> None:
    write(group, "left", tmp_path, T_STOP, STEP, RAMP)
    with Granted("left", tmp_path) as process:
        process.grant(1_000_000, [])
        process.answer()
        process.process.kill()
        process.grant(2_000_000, [])
        with pytest.raises(
            NgspiceError, match=r"left: .* ended, killed by signal 9, after 1e-06 s"
        ):
            process.answer()
    time = recorded("left", tmp_path)["time"]
    assert time[-1] == pytest.approx(1e-6, rel=1e-12)


def test_a_process_that_does_not_answer_is_told(group: Group, tmp_path: Path) -> None:
    write(group, "group", tmp_path, T_STOP, STEP, RAMP)
    with Granted("group", tmp_path, timeout=0.2) as process:
        process.process.send_signal(signal.SIGSTOP)
        process.grant(T_STOP, [])
        with pytest.raises(NgspiceError, match=r"no answer within 0\.2 s"):
            process.answer()


def test_a_deck_that_ngspice_refuses_is_told(group: Group, tmp_path: Path) -> None:
    write(group, "group", tmp_path, T_STOP, float("nan"), RAMP)
    with pytest.raises(NgspiceError, match="group"):
        Granted("group", tmp_path)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (lambda lif, cell: ((), ()), "neurons must be one or more"),
        (lambda lif, cell: ((lif,), ()), "currents must be 1, not 0"),
        (
            lambda lif, cell: ((lif,), (0.0,), (Synapse(1, cell),)),
            r"synapses\[0\].neuron must be in 0 .. 0, not 1",
        ),
    ],
)
def test_a_group_that_cannot_be_is_refused(parts, message: str, group: Group) -> None:
    with pytest.raises(ValueError, match=message):
        Group(*parts(group.neurons[0], group.synapses[0].design))
