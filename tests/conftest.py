"""What all tests share: the recorded data of RHEOBASE_SHARED, and which tests need it.

A test that requests the fixture `shared`, or is marked ``needs_shared``, reads data that does not
come with the checkout. Without RHEOBASE_SHARED such a test is deselected when tests are collected;
with it, it runs.
"""

import os
from pathlib import Path

import pytest

SHARED = os.environ.get("RHEOBASE_SHARED") or None
MARKER = "needs_shared"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARKER}: reads the data that RHEOBASE_SHARED names")
    if SHARED is not None and not Path(SHARED).is_dir():
        raise pytest.UsageError(f"RHEOBASE_SHARED is {SHARED!r}, which is not a folder")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker(MARKER)
    if SHARED is None:
        config.hook.pytest_deselected(items=[i for i in items if i.get_closest_marker(MARKER)])
        items[:] = [i for i in items if not i.get_closest_marker(MARKER)]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded data."""
    return Path(os.environ["RHEOBASE_SHARED"])
