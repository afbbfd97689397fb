"""What every test may lean on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data (real frames, multislice simulations, AtomAI ensembles), which is not part of the project.

    `ELITSCOPE_TEST_DATA` names another place for it; tests that need it skip visibly without it.
    """
    folder = Path(os.environ.get("ELITSCOPE_TEST_DATA", SHARED_DATA))
    if not folder.is_dir():
        pytest.skip(f"reference data not found in {folder}: set ELITSCOPE_TEST_DATA")
    return folder
