"""What every test may lean on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure() -> None:
    """What a test comes to depends neither on the machine nor on the day.

    Hypothesis draws the same examples every time, and lets them take as long as a busy machine needs. What a shell runs in the background
    ignores Ctrl-C, and so would every program that tests start and interrupt.
    """
    settings.register_profile("reproducible", derandomize=True, deadline=None, database=None)
    settings.load_profile("reproducible")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data (real frames, multislice simulations, AtomAI ensembles), which is not part of the project.

    `ELITSCOPE_TEST_DATA` names another place for it; tests that need it skip visibly without it.
    """
    folder = Path(os.environ.get("ELITSCOPE_TEST_DATA", SHARED_DATA))
    if not folder.is_dir():
        pytest.skip(f"reference data not found in {folder}: set ELITSCOPE_TEST_DATA")
    return folder
