"""What `rheobase verify` says of an experiment that it refuses."""

from pathlib import Path

import pytest

from rheobase.cosim.cli import main


def refusal(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The error, in which the file's name stands; nothing is run."""
    path = folder / "bad.toml"
    path.write_text(text)
    assert main(["verify", str(path), "--quiet", "--output", str(folder / "out")]) == 2
    error = capsys.readouterr().err
    assert path.name in error
    return error
