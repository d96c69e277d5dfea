"""The gmruntime engine: a factor graph and a question in, the best certified answer out.

It knows nothing of the gmlang language.
"""

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
from gmruntime.rows.answer import ExpectationsAnswer as ExpectationsAnswer
from gmruntime.rows.expectations import expectations as expectations
from gmruntime.rows.row_program import RowProgram as RowProgram
from gmruntime.rows.row_program import compile_rows as compile_rows
from gmruntime.workspace import Workspace as Workspace
