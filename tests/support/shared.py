"""Where the real data lies, when it is there."""

from pathlib import Path

import pytest


def shared_data() -> Path | None:
    """Return the folder of real data beside the checkout, or None when there is none."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    return folder if folder.is_dir() else None


def need_shared_data() -> Path:
    """Return the folder of real data, or skip the calling test."""
    folder = shared_data()
    if folder is None:
        pytest.skip("the shared data is not beside this checkout")
    return folder
