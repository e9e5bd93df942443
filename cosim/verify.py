"""The main job: run experiments on their substrates and judge what was found."""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ..analog import ngspice
from .budget import Verdict, overall, point_error_rate
from .experiment import Experiment
from .findings import Findings
from .network_experiment import NetworkExperiment
from .preflight import require_playable
from .substrates import mixed, network, reference, rtl, spice, theory

CONFIDENCE = 0.999

Progress = Callable[[str], None]
AnyExperiment = Experiment | NetworkExperiment
Found = TypeVar("Found")


@dataclass(frozen=True)
class Run:
    """Experiments, what was found and the verdict on the whole."""

    experiments: list[AnyExperiment]
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


def located(
    run: Callable[[Any, Progress], Found], experiment: AnyExperiment, progress: Progress
) -> Found:
    """Run an experiment on a substrate; a failure names the file and the piece of work at hand."""
    at, name = "", f"{experiment.name}: "

    def told(text: str) -> None:
        nonlocal at
        at = text
        progress(text)

    try:
        return run(experiment, told)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{experiment.path}: {at.removeprefix(name)}: {error}") from error
    except RuntimeError as error:
        raise RuntimeError(f"{experiment.path}: {at.removeprefix(name)}: {error}") from error


def _digital(experiment: AnyExperiment, verilog: Path | None, progress: Progress) -> Findings:
    if isinstance(experiment, NetworkExperiment):
        judge = network.run if experiment.spice is None else mixed.run
        return located(judge, experiment, progress)
    findings = Findings()
    for run in (theory.run, reference.run, partial(rtl.run, verilog=verilog)):
        findings.add(located(run, experiment, progress))
    return findings


def _analog(experiment: AnyExperiment, progress: Progress) -> Findings:
    if isinstance(experiment, NetworkExperiment):
        return Findings()
    return located(spice.run, experiment, progress)


def verify(
    experiments: list[AnyExperiment],
    progress: Progress,
    verilog: Path | None = None,
    confidence: float = CONFIDENCE,
) -> Run:
    """Run experiments and judge them.

    Parameters
    ----------
    experiments : list of Experiment or NetworkExperiment
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
    RuntimeError
        A tool is missing or fails.
    """
    started = time.monotonic()
    require_playable(experiments, verilog)
    findings = Findings()
    with ThreadPoolExecutor(2) as pool:  # SPICE waits for its processes while the rest computes
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
