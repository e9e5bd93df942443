"""The ngspice session: right numbers, and a clear word when something is wrong."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rheobase.analog import libngspice, ngspice

TAU = 20e-3

RC = """rc
I1 0 m 20p
R1 m 0 1g
C1 m 0 20p
.options {options}
.ic v(m)=0
.tran {step} {stop} 0 {step} uic
.save v(m)
.end
"""


def rc(step: float = 0.2e-3, stop: float = 0.1, options: str = "reltol=1e-5") -> str:
    return RC.format(step=step, stop=stop, options=options)


def test_a_transient_against_the_closed_form_converges_with_the_step():
    """Trapezoidal rule: the error falls fourfold when the step is halved."""
    errors = []
    for step in (1e-3, 0.5e-3):
        result = ngspice.run(rc(step, options="reltol=1e-7 abstol=1e-18 trtol=1e6"), ["time", "m"])
        exact = 20e-3 * (1 - np.exp(-result["time"] / TAU))
        errors.append(np.max(np.abs(result["m"] - exact)))
    assert 3.5 < errors[0] / errors[1] < 4.5
    assert (
        errors[1] < 20e-3 * (0.5e-3 / TAU) ** 2 / 12 * 2
    )  # local h**3/12, summed over tau/h steps


def test_ac_vectors_are_complex():
    deck = "ac\nI1 0 m ac 1p\nR1 m 0 1g\nC1 m 0 20p\n.ac lin 1 10 10\n.save v(m)\n.end\n"
    found = ngspice.run(deck, ["m"])["m"]
    assert found.dtype == complex
    assert found[0] == pytest.approx(1e-12 / (1e-9 + 2j * np.pi * 10 * 20e-12), rel=1e-6)


def test_the_past_of_a_process_does_not_show():
    """Same deck, same bits: in a new process, after another deck, and in parallel."""
    with ngspice.Session() as fresh:
        first = fresh.run(rc(), ["time", "m"])
        fresh.run(rc(options="reltol=1e-2 method=gear temp=80"), ["m"])
        again = fresh.run(rc(), ["time", "m"])
    with ThreadPoolExecutor(2) as pool:
        decks = [rc(stop=stop) for stop in (0.02, 0.1, 0.05)]
        many = list(pool.map(lambda deck: ngspice.run(deck, ["time", "m"]), decks))
    for other in (again, many[1]):
        for name in ("time", "m"):
            np.testing.assert_array_equal(first[name], other[name])
    assert [result["time"][-1] for result in many] == pytest.approx([0.02, 0.1, 0.05], rel=1e-12)


@pytest.mark.parametrize(
    ("deck", "message"),
    [
        (rc().replace("C1", "M1 a b c d absent\nC1"), "absent"),
        (rc().replace("R1 m 0 1g", "X1 m absent"), "absent"),
        (rc().replace(".tran", "* "), "no vector 'time'"),
        (rc().replace("C1", "A1 %vd([a 0]) absent\nC1"), "absent"),
        (rc().replace("C1", "B1 0 m i=1u*exp(40*v(m))\nC1"), "Timestep too small"),
    ],
)
def test_a_deck_that_fails_says_so_in_ngspices_words(deck: str, message: str):
    with pytest.raises(ngspice.NgspiceError, match=message):
        ngspice.run(deck, ["time", "m"], timeout=30)
    assert len(ngspice.run(rc(), ["time"])["time"]) > 100  # the next one is not affected


def test_a_vector_that_is_not_there():
    with pytest.raises(ngspice.NgspiceError, match="no vector 'absent'"):
        ngspice.run(rc(), ["time", "absent"])


def test_a_run_that_takes_too_long_is_stopped():
    start = time.monotonic()
    with pytest.raises(ngspice.NgspiceError, match=r"(?s)within 2 s.*tran: .*%"):
        ngspice.run(rc(step=1e-6, stop=10), ["time"], timeout=2)
    assert time.monotonic() - start < 10


def test_a_process_that_dies_is_an_error_and_leaves_nothing_behind():
    with ngspice.Session() as session:
        folder, process = session._folder, session._process
        threading.Timer(0.5, process.kill).start()
        with pytest.raises(ngspice.NgspiceError, match="died"):
            session.run(rc(step=1e-8, stop=1e3), ["time"])
        assert process.poll() is not None
        assert not folder.exists()


def test_ctrl_c_ends_the_simulation():
    program = (
        "from rheobase.analog import ngspice\n"
        "begin = ngspice.Session.__init__\n"
        "def told(session):\n"
        "    begin(session)\n"
        "    print(session._process.pid, flush=True)\n"
        "ngspice.Session.__init__ = told\n"
        f"deck = {rc(step=1e-8, stop=1e3)!r}\n"
        "ngspice.run(deck, ['time'])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as user:
        assert user.stdout is not None
        child = int(user.stdout.readline())
        time.sleep(0.5)
        assert _runs(child)
        user.send_signal(signal.SIGINT)
        _, stderr = user.communicate(timeout=10)
    assert user.returncode != 0
    assert "KeyboardInterrupt" in stderr
    assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(libngspice, "find", lambda: None)
    with pytest.raises(ngspice.NgspiceError, match="apt install libngspice0"):
        ngspice.Session()
