"""sample: draws from the posterior."""

from gmlang.core.asking.arguments import check_references, how_many
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.queries.answers import Answer, finite, nested_values
from gmlang.queries.question import Question, Single
from gmlang.queries.reading import (
    Numbered,
    asked_names,
    assignment_maps,
    flat_variables,
    number_asked,
    parts_of,
)
from gmlang.queries.session import Prepared
from gmlang.syntax import ast
from gmruntime import answer as runtime


class Sample(Numbered):
    """States of some variables, or all, as the posterior has them."""

    __slots__ = ()
    takes_joint = True
    kind = "sample"
    names_states = True


class SampleAnswer(Answer):
    """Draws by name; the array has the values of one name, or a column of states for each."""

    __slots__ = ()
    kind = "sample"


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    number = how_many(state, env, call)
    asked = check_references(state, env, call.arguments[1:])
    return Sample(call.span, call.span.text, asked, number=number)


def _question(prepared: Prepared, query: Sample) -> runtime.Samples:
    return runtime.Samples(number_asked(prepared, query))


def _read(prepared: Prepared, query: Sample, found: runtime.AssignmentsAnswer) -> Answer:
    if found.quality.status is runtime.Status.IMPOSSIBLE or not len(found.assignments):
        return SampleAnswer(query.text, log_upper=finite(found.log_upper))
    names = asked_names(prepared, query)
    if len(names) == 1:
        array = nested_values(found.assignments[:, names[0].variables], names[0].states)
    else:
        array = found.assignments[:, flat_variables(names)]
    maps = assignment_maps(names, found.assignments)
    return SampleAnswer(query.text, value=maps, array=array, parts=parts_of(prepared, query))


SAMPLE = Question(
    word="sample",
    help="draws",
    shortest="sample(5)",
    form="sample(n, x)",
    example="var a : 0..3 ~ Categorical([0.4, 0.3, 0.2, 0.1])\nquery sample(3, a), sample(2)\n",
    check=_check,
    kinds=((Sample, SampleAnswer),),
    answered=Single(_question, _read, puts=(runtime.Samples,)),
)
