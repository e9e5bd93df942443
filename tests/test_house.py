"""The house: what the wheel holds, which way imports point, and what must not stand in any file."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("analog", "cosim", "hdl", "models")
MAY_IMPORT = {
    "models": {"models"},
    "hdl": {"hdl", "models"},
    "analog": {"analog", "models"},
    "cosim": set(FOLDERS),
}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def files(*folders: str) -> list[Path]:
    """Every file below these folders of the checkout but caches; links are not followed."""
    found = (file for folder in folders for file in (ROOT / folder).rglob("*"))
    return [f for f in found if f.is_file() and "__pycache__" not in f.parts]


def run_python(code: str) -> str:
    """Print what a fresh interpreter, started in the checkout, prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ------------------------------------------------------------------ the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy: a build leaves folders behind."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    without_caches = shutil.ignore_patterns("__pycache__")
    for folder in ("rheobase", *FOLDERS):
        shutil.copytree(ROOT / folder, tree / folder, symlinks=True, ignore=without_caches)
    for file in ("pyproject.toml", "LICENSE", PYPROJECT["project"]["readme"]):
        shutil.copy(ROOT / file, tree / file)
    build = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", out, tree]
    done = subprocess.run([sys.executable, *build], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_wheel_installs_only_rheobase(wheel: zipfile.ZipFile) -> None:
    version = PYPROJECT["project"]["version"]
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert top == {"rheobase", f"rheobase-{version}.dist-info"}


def test_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    face = {f"rheobase/{name}" for name in ("__init__.py", "__main__.py", "py.typed")}
    ours = {f"rheobase/{f.relative_to(ROOT).as_posix()}" for f in files(*FOLDERS)}
    assert {name for name in wheel.namelist() if name.startswith("rheobase/")} == face | ours


def test_pytest_finds_the_plugin_of_the_installed_wheel(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    wheel.extractall(tmp_path / "site")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only"]
    done = subprocess.run(
        [*command, "--rheobase-report", "reports"],
        cwd=shutil.copytree(ROOT / "examples" / "ci", tmp_path / "ci"),
        env=environment | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "2 tests collected" in done.stdout, done.stdout + done.stderr
    assert f"rheobase-{PYPROJECT['project']['version']}" in done.stdout  # among the plugins


def test_wheel_says_its_licence(wheel: zipfile.ZipFile) -> None:
    info = f"rheobase-{PYPROJECT['project']['version']}.dist-info"
    assert "\nLicense-Expression: Apache-2.0\n" in wheel.read(f"{info}/METADATA").decode()
    text = wheel.read(f"{info}/licenses/LICENSE").decode()
    assert text == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]


def test_packages_are_the_folders() -> None:
    folders = {f.parent.relative_to(ROOT) for f in files(*FOLDERS) if f.name == "__init__.py"}
    packages = {".".join(("rheobase", *folder.parts)) for folder in folders} | {"rheobase"}
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == packages
    code = {f.parent.relative_to(ROOT) for f in files(*FOLDERS) if f.suffix == ".py"}
    assert code == folders  # no module outside a package


# ------------------------------------------------------------------ imports


def imports(module: str, source: str) -> Iterator[str]:
    """Names of all that a module imports, in full; `from a import b` gives ``a.b``."""
    package = module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = [*base, *([node.module] if node.module else [])]
            yield from (".".join([*origin, alias.name]) for alias in node.names)


def wrong_imports(module: str, source: str) -> list[str]:
    """Imports of `module` that point the wrong way, or that name a folder by itself."""
    folder = module.split(".")[1]
    wrong = []
    for name in imports(module, source):
        top, _, rest = name.partition(".")
        target = rest.split(".")[0]
        into_house = top == "rheobase" and target in FOLDERS
        if top in FOLDERS or (into_house and target not in MAY_IMPORT[folder]):
            wrong.append(f"{module} imports {name}")
    return wrong


def test_arrows_point_one_way() -> None:
    sources = [file for file in files(*FOLDERS) if file.suffix == ".py"]
    assert len(sources) > 20
    wrong = []
    for file in sources:
        module = ".".join(("rheobase", *file.relative_to(ROOT).with_suffix("").parts))
        wrong += wrong_imports(module, file.read_text(encoding="utf-8"))
    assert not wrong


@pytest.mark.parametrize(
    ("module", "source", "name"),
    [
        ("rheobase.models.theory.siegert", "from ...hdl import core", "rheobase.hdl.core"),
        ("rheobase.models.neuron", "from .. import hdl", "rheobase.hdl"),
        ("rheobase.models.__init__", "from ..analog.bias import x", "rheobase.analog.bias.x"),
        ("rheobase.hdl.core", "if 1:\n    from ..analog import bias", "rheobase.analog.bias"),
        ("rheobase.analog.bias", "def f():\n    import rheobase.hdl", "rheobase.hdl"),
        ("rheobase.hdl.core", "from rheobase import cosim", "rheobase.cosim"),
        ("rheobase.cosim.verify", "import models.units as u", "models.units"),
        ("rheobase.hdl.core", "from models import units", "models.units"),
    ],
)
def test_a_wrong_arrow_is_found(module: str, source: str, name: str) -> None:
    assert wrong_imports(module, source) == [f"{module} imports {name}"]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("rheobase.models.theory.siegert", "from ..neuron import LIF"),
        ("rheobase.hdl.neurons.lif", "from ...models.integer.lif import IntegerLIF"),
        ("rheobase.cosim.engines.cxxrtl", "from ...hdl import core"),
        ("rheobase.hdl.core", "import amaranth.hdl"),
    ],
)
def test_a_right_arrow_is_not(module: str, source: str) -> None:
    assert wrong_imports(module, source) == []


def test_no_module_is_imported_under_a_generic_name() -> None:
    # started in the checkout, where "import models" would be found
    found = run_python(
        "import importlib, pkgutil, sys, rheobase\n"
        "for module in pkgutil.walk_packages(rheobase.__path__, 'rheobase.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        f"print(len([m for m in sys.modules if m.startswith('rheobase.')]) > 20,\n"
        f"      *sorted(set({FOLDERS}) & set(sys.modules)))"
    )
    assert found == "True"


def test_help_loads_nothing_heavy() -> None:
    heavy = {"amaranth", "cocotb", "jinja2", "matplotlib", "numba", "numpy", "PySpice", "scipy"}
    found = run_python(
        "import sys\n"
        "from rheobase.cosim import cli\n"
        "try:\n"
        "    cli.main(['--help'])\n"
        "except SystemExit:\n"
        "    print('loaded:', *sorted(m for m in sys.modules if '.' not in m))"
    )
    loaded = found.rpartition("loaded:")[2].split()
    assert "argparse" in loaded
    assert not heavy & set(loaded)


# ------------------------------------------------------------------ what must not stand anywhere

MACHINE_PATH = re.compile(rb"(?<![\w.~-])/(?:tmp|root|home|work|Users)/[\w.-]+")


def test_no_file_names_a_path_of_a_machine() -> None:
    hidden = (".ci", ".github")
    at_root = [f for f in ROOT.iterdir() if f.is_file() and not f.name.startswith(".")]
    everywhere = files(*FOLDERS, "tests", "examples", "benchmarks", "docs", *hidden) + at_root
    named = [f"{f.relative_to(ROOT)}: {m[0]!r}" for f in everywhere for m in machine_paths(f)]
    assert not named


def machine_paths(file: Path) -> list[re.Match[bytes]]:
    return list(MACHINE_PATH.finditer(file.read_bytes()))


def test_a_path_of_a_machine_is_found(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("a = '" + "/".join(("", "home", "ada", "x")) + "'\nb = 'docs/home/index'\n")
    assert [match[0] for match in machine_paths(file)] == [b"/".join((b"", b"home", b"ada"))]


# ------------------------------------------------------------------ data beside the checkout


@pytest.mark.parametrize(
    ("there", "outcome"), [(True, "3 passed"), (False, "1 passed, 2 deselected")]
)
def test_shared_data_is_read_or_left_out(tmp_path: Path, there: bool, outcome: str) -> None:
    answer = run_pytest(tmp_path, {"RHEOBASE_SHARED": str(tmp_path)} if there else {})
    assert outcome in answer


def test_shared_data_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    answer = run_pytest(tmp_path, {"RHEOBASE_SHARED": str(tmp_path / "nowhere")})
    assert "nowhere', which is not a folder" in answer


def run_pytest(folder: Path, environment: dict[str, str]) -> str:
    """What pytest says of three tests, two of which read shared data, under our conftest.py."""
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    (folder / "test_three.py").write_text(
        "import pytest\n"
        "def test_plain(): pass\n"
        "def test_fixture(shared): assert shared.is_dir()\n"
        "@pytest.mark.needs_shared\n"
        "def test_marker(): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr
