"""What stands for a process in the core: attributes that no author can write."""

from dataclasses import dataclass

from gmlang.core.ast import AttributeRef, Bind, Expression

STEP = "step"
"""The word that asks where a process is."""

_SPENT = "spent"


@dataclass(frozen=True, slots=True)
class ProcessHeader:
    """What is known of a process before its steps are checked.

    Attributes:
        time: its loop, from 0.
        num_steps: how many calls it makes where none is jumped, those of processes within included.
    """

    time: Bind
    num_steps: int


def step_attribute(model: str) -> str:
    """Name the attribute of a thing that says in which step a process is.

    >>> step_attribute("tea")
    'step(tea)'
    """
    return f"{STEP}({model})"


def spent_attribute(model: str) -> str:
    """Name the attribute of a thing that says for how many slots a process has been there.

    >>> spent_attribute("tea")
    'spent(tea)'
    """
    return f"{_SPENT}({model})"


def process_of(attribute: str) -> str:
    """Return the process whose step an attribute is; "" for any other attribute.

    >>> process_of("step(tea)"), process_of("spent(tea)"), process_of("color")
    ('tea', '', '')
    """
    is_step = attribute.startswith(f"{STEP}(") and attribute.endswith(")")
    return attribute[len(STEP) + 1 : -1] if is_step else ""


def is_step(part: Expression) -> bool:
    """Say whether an expression is the step of a process."""
    return isinstance(part, AttributeRef) and bool(process_of(part.attribute))


def is_of_process(attribute: str) -> bool:
    """Say whether an attribute stands for a process, and is not declared.

    >>> is_of_process("spent(tea)"), is_of_process("template()")
    (True, False)
    """
    is_spent = attribute.startswith(f"{_SPENT}(") and attribute.endswith(")")
    return is_spent or bool(process_of(attribute))
