"""The pytest plugin in a fresh pytest: the example project, and tests planted beside its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rheobase.cosim.cli import main

ROOT = Path(__file__).parents[2]
PLUGIN = "rheobase.cosim.pytest_plugin"
PLANTED = """
import pytest

@pytest.mark.rheobase("experiment.toml", verilog="rtl/lif_core.v")
def test_another_threshold():
    raise AssertionError("the body must not run")

def test_no_file(rheobase_verify):
    rheobase_verify("missing.toml")

@pytest.mark.rheobase("wrong.toml")
def test_wrong_key():
    pass

@pytest.mark.rheobase
def test_no_experiment():
    pass
"""


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder with the plugin and xdist, whatever else is installed."""
    plugins = ["-p", "xdist", "-p", PLUGIN, "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *plugins, "-W", "error", *words]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300
    )


def test_example_passes_and_planted_faults_fail_with_table_or_one_error(tmp_path: Path) -> None:
    project = tmp_path / "ci"
    shutil.copytree(ROOT / "examples" / "ci", project)
    text = (project / "experiment.toml").read_text()
    (project / "wrong.toml").write_text(text.replace("tau_m", "tau_n"))
    (project / "other.toml").write_text(text.replace('v_th = "20 mV"', 'v_th = "22 mV"'))
    assert main(["verilog", str(project / "other.toml"), "--output", str(project / "rtl")]) == 0
    (project / "tests" / "test_planted.py").write_text(PLANTED)
    done = run_pytest(project, "-n", "1", "--rheobase-report", "reports")
    assert "4 failed, 2 passed" in done.stdout, done.stdout
    assert "rheobase verify: disagree" in done.stdout
    assert re.search(r"missing\.toml.*(no such file|No such file)", done.stdout)
    assert "tau_n" in done.stdout
    assert "@pytest.mark.rheobase: " in done.stdout
    assert "Traceback" not in done.stdout and "the body must not run" not in done.stdout
    index = (project / "reports" / "index.html").read_text()
    pages = re.findall(r'href="([^"]+)".*?<td>(\w+)</td>', index)
    assert sorted(verdict for _, verdict in pages) == ["agree", "agree", "disagree"]
    assert all((project / "reports" / page).is_file() for page, _ in pages)


def test_index_that_is_not_ours_is_kept(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    done = run_pytest(tmp_path, "--rheobase-report", ".")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "index.html is there, and rheobase did not write it" in done.stderr
    assert (tmp_path / "index.html").read_text() == "mine"


def test_the_plugin_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'numba', 'amaranth', 'jinja2'}"
    code = f"import sys, {PLUGIN}; print({heavy} & {{*sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "set()", done.stderr
