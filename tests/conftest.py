"""Options and fixtures that all tests share."""

import pytest
from hypothesis import HealthCheck, settings

# No test depends on how busy the machine is.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# A plugin of pytest, and no test: whoever imports it has all shapes checked from then on.
collect_ignore = ["support/shapes.py"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `--update-golden` rewrite the expected words."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))
