"""The gmruntime engine: a factor graph and a question in, the best certified answer out.

It knows nothing of the gmlang language.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from gmruntime.answer import Best as Best
from gmruntime.answer import Joint as Joint
from gmruntime.answer import LogPartition as LogPartition
from gmruntime.answer import Map as Map
from gmruntime.answer import MarginalMap as MarginalMap
from gmruntime.answer import Marginals as Marginals
from gmruntime.answer import Samples as Samples
from gmruntime.answer import Solutions as Solutions
from gmruntime.answer import Status as Status
from gmruntime.graph import FactorBlock as FactorBlock
from gmruntime.graph import FactorGraph as FactorGraph
from gmruntime.graph import GraphError as GraphError
from gmruntime.graph import VariableBlock as VariableBlock
from gmruntime.inference import infer as infer
from gmruntime.inference import infer_rows as infer_rows
from gmruntime.inference import plan as plan
from gmruntime.inference import search as search
from gmruntime.workspace import Workspace as Workspace

if TYPE_CHECKING:
    from gmruntime.rows.answer import ExpectationsAnswer as ExpectationsAnswer
    from gmruntime.rows.expectations import expectations as expectations
    from gmruntime.rows.row_program import RowProgram as RowProgram
    from gmruntime.rows.row_program import compile_rows as compile_rows

_LATER = {
    "ExpectationsAnswer": "gmruntime.rows.answer",
    "RowProgram": "gmruntime.rows.row_program",
    "compile_rows": "gmruntime.rows.row_program",
    "expectations": "gmruntime.rows.expectations",
}
"""Where what few programs need is, which is loaded when it is asked for."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
