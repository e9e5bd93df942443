"""./x: what it installs, what it leaves alone, what it says. Every program it calls is a stand-in.

The stand-ins write each call into a log; the programs of coreutils are the real ones.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COREUTILS = ("sh", "dirname", "cat", "cksum", "grep", "mkdir", "chmod", "mv", "env")
IDENTITY = "3 11 2 final 0 /usr"

PYTHON = f"""
case "$*" in
*ensurepip*) exit 0 ;;
*doctor.py) echo "$MISSING" ;;
*"-m venv"*) mkdir -p .venv/bin
             cat >.venv/bin/python <"$0"
             chmod +x .venv/bin/python
             echo "command = python3 -m venv $PWD/.venv" >.venv/pyvenv.cfg ;;
*"-m pip"*) [ -z "${{OFFLINE-}}" ] || exit 1
            echo 'echo "rheobase $* HOME=$HOME" >>"$LOG"' >.venv/bin/rheobase
            cat .venv/bin/rheobase >.venv/bin/pytest
            chmod +x .venv/bin/rheobase .venv/bin/pytest ;;
*sys.base_prefix*) echo "{IDENTITY}"; exit 0 ;;
esac
"""


class Machine:
    """A checkout in a folder with a space in its name, and a PATH with nothing but stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.bin, self.log = folder / "a b", folder / "bin", folder / "log"
        self.bin.mkdir()
        (self.checkout / "cosim").mkdir(parents=True)
        for name in ("x", "pyproject.toml"):
            shutil.copy(ROOT / name, self.checkout)
        for name in COREUTILS:
            found = shutil.which(name)
            assert found is not None
            (self.bin / name).symlink_to(found)
        self.program("id", 'echo "${USER_ID-0}"')
        self.program("python3", PYTHON)

    def program(self, name: str, body: str = "") -> None:
        file = self.bin / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >>"$LOG"\n{body}\n')
        file.chmod(0o755)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ./x from another folder, with HOME unset, from an empty log."""
        self.log.write_text("")
        return subprocess.run(
            [self.checkout / "x", *command],
            cwd=self.bin,
            env={"PATH": str(self.bin), "LOG": str(self.log), "MISSING": "", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self, program: str) -> list[str]:
        lines = self.log.read_text().splitlines()
        return [line.removeprefix(f"{program} ") for line in lines if line.startswith(program)]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_first_demo_installs_and_verifies(machine: Machine) -> None:
    machine.program("apt-get")
    done = machine.run("demo", MISSING="g++ iverilog")
    assert done.returncode == 0, done.stderr
    assert [call for call in machine.calls("apt-get") if "install" in call] == [
        "-qq install --no-install-recommends -y g++ iverilog"
    ]
    assert [call for call in machine.calls("python3") if call.startswith("-m pip")] == [
        "-m pip install -q --disable-pip-version-check -e ."
    ]
    assert machine.calls("rheobase") == [f"verify HOME={machine.checkout}/.venv/home"]


def test_second_run_installs_nothing(machine: Machine) -> None:
    machine.program("apt-get")
    machine.run("demo", MISSING="g++")
    done = machine.run("demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.calls("apt-get") == []
    assert not [call for call in machine.calls("python3") if "-m " in call]
    assert machine.calls("rheobase") == [f"verify HOME={machine.checkout}/.venv/home"]


def test_tests_want_more_than_the_demo_and_the_demo_no_less(machine: Machine) -> None:
    machine.run("demo")
    assert machine.run("test", "-k", "a or b").returncode == 0
    pip = "-m pip install -q --disable-pip-version-check -e .[dev]"
    assert [call for call in machine.calls("python3") if "-m " in call] == [pip]
    assert machine.calls("rheobase")[0].startswith("-n 2 --dist loadfile -k a or b HOME=")
    machine.run("demo")
    assert not [call for call in machine.calls("python3") if "-m " in call]


def test_new_dependencies_are_installed(machine: Machine) -> None:
    machine.run("demo")
    (machine.checkout / "pyproject.toml").write_text("[project]\n")
    machine.run("demo")
    assert [call.split()[1] for call in machine.calls("python3") if "-m " in call] == ["pip"]


def test_a_moved_checkout_gets_a_new_environment(machine: Machine) -> None:
    machine.run("demo")
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("c"))
    machine.run("demo")
    venv, pip = (call for call in machine.calls("python3") if "-m " in call)
    assert venv == "-m venv --clear .venv"
    assert pip.startswith("-m pip install ")


def test_an_interrupted_installation_is_taken_up_again(machine: Machine) -> None:
    machine.run("demo")
    (machine.checkout / ".venv" / "installed").unlink()
    machine.run("demo")
    assert [call.split()[1] for call in machine.calls("python3") if "-m " in call] == ["pip"]


def test_failed_installation_is_not_taken_for_done(machine: Machine) -> None:
    assert machine.run("demo", OFFLINE="yes").returncode == 1
    assert not machine.calls("rheobase")
    assert machine.run("demo").returncode == 0
    assert machine.calls("rheobase")


def test_a_home_that_can_be_written_is_left_alone(machine: Machine, tmp_path: Path) -> None:
    machine.run("demo", HOME=str(tmp_path))
    assert machine.calls("rheobase") == [f"verify HOME={tmp_path}"]


def test_sudo_where_the_user_is_not_root(machine: Machine) -> None:
    machine.program("apt-get")
    machine.program("sudo", '"$@"')
    assert machine.run("demo", MISSING="g++", USER_ID="1000").returncode == 0
    assert [call for call in machine.calls("sudo") if call.endswith("g++")]


def test_neither_root_nor_sudo(machine: Machine) -> None:
    machine.program("apt-get")
    done = machine.run("demo", MISSING="g++ iverilog", USER_ID="1000")
    assert done.returncode == 1
    assert done.stderr == (
        "x: neither root nor sudo here. Have these installed, then run ./x again: g++ iverilog\n"
    )
    assert machine.calls("apt-get") == []


def test_no_package_manager(machine: Machine) -> None:
    done = machine.run("demo", MISSING="g++ iverilog")
    assert done.returncode == 1
    assert done.stderr.endswith("then run ./x again: g++ iverilog\n")


def test_failing_package_manager(machine: Machine) -> None:
    machine.program("apt-get", "exit 100")
    done = machine.run("demo", MISSING="g++ iverilog")
    assert done.returncode == 1
    assert done.stderr.endswith("x: apt-get could not install what is needed: g++ iverilog\n")


def test_homebrew(machine: Machine) -> None:
    machine.program("brew")
    assert machine.run("demo", MISSING="ngspice").returncode == 0
    assert machine.calls("brew") == ["install --quiet ngspice"]


def test_python_too_old(machine: Machine) -> None:
    machine.program("apt-get")
    machine.program("python3", '[ "$1" = --version ] && echo Python 3.9.2; exit 1')
    done = machine.run("demo")
    assert done.returncode == 1
    assert done.stderr == "x: Python 3.11 or newer is needed, and this is Python 3.9.2\n"
    assert machine.calls("apt-get") == []


def test_a_newer_python_beside_an_old_one(machine: Machine) -> None:
    machine.program("python3.12", PYTHON)
    machine.program("python3", "exit 1")
    assert machine.run("demo").returncode == 0
    assert [call for call in machine.calls("python3.12") if "-m venv" in call]


def test_no_python_at_all(machine: Machine) -> None:
    (machine.bin / "python3").rename(machine.bin / "packaged")
    machine.program("apt-get", 'case "$*" in *install*) mv "$BIN/packaged" "$BIN/python3" ;; esac')
    done = machine.run("demo", BIN=str(machine.bin))
    assert done.returncode == 0, done.stderr
    assert machine.calls("apt-get")[-1].endswith("-y python3 python3-venv")


def test_check_needs_no_system_tools(machine: Machine) -> None:
    machine.run("demo")
    for tool in ("ruff", "mypy"):
        file = machine.checkout / ".venv" / "bin" / tool
        file.write_text(f'#!/bin/sh\necho "{tool} $*" >>"$LOG"\n')
        file.chmod(0o755)
    assert machine.run("check", MISSING="g++").returncode == 0
    assert machine.calls("ruff") == ["check .", "format --check ."]
    assert len(machine.calls("mypy")) == 1
    (machine.checkout / ".venv" / "bin" / "mypy").write_text("#!/bin/sh\nexit 3\n")
    assert machine.run("check").returncode == 3


@pytest.mark.parametrize("command", [[], ["dmeo"], ["--help"]])
def test_usage(machine: Machine, command: list[str]) -> None:
    done = machine.run(*command)
    assert done.returncode == 2
    assert "./x demo" in done.stderr
    assert machine.log.read_text() == ""
