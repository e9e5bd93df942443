"""Every script in examples/frompapers runs, asserts its published numbers and draws its figure."""

import ast
import runpy
import sys
from pathlib import Path

import matplotlib
import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "frompapers"
SCRIPTS = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_paper(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script)])
    matplotlib.use("Agg")
    runpy.run_path(str(script), run_name="__main__")
    figure = tmp_path / f"{script.stem}.png"
    assert [*tmp_path.iterdir()] == [figure]
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_is_short_and_says_what_it_is(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    tree = ast.parse(text)
    assert len(ast.get_docstring(tree) or "") > 100


def test_the_papers_are_there() -> None:
    assert len(SCRIPTS) == 10
