"""pyAgrum, an oracle for networks: imported without its warnings, which crash it as errors."""

import importlib
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pyagrum: Any = importlib.import_module("pyagrum")
    causal: Any = importlib.import_module("pyagrum.causal")
