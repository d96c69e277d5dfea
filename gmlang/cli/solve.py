"""`gmlang solve`: a task of the UAI competitions, in their formats."""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from gmlang.cli.options import (
    EXIT_ANSWERED,
    EXIT_IMPOSSIBLE,
    GIBIBYTES,
    SECONDS,
    WHOLE_SEED,
    Positive,
    device_option,
    memory_bytes,
)
from gmlang.cli.workers import hired, workers_options
from gmlang.limits import MEMORY_MAX
from gmlang.process.interrupts import Interrupts
from gmruntime.budget import Budget, Watch, begin_budget, now_s
from gmruntime.formats.errors import FormatError
from gmruntime.printable import printable, printable_line

if TYPE_CHECKING:
    from gmruntime.answer import Answer, Improvement
    from gmruntime.answer import Query as RuntimeQuery
    from gmruntime.graph import FactorGraph
    from gmruntime.workers.workers import Workers

_RESERVE_S = 0.15
"""Kept back from the budget for writing the answer."""

_WRITE_EVERY_S = 0.5
"""An improved assignment goes to the result file at most so often."""

_START_S = now_s()
"""When this module was imported: a process that only solves has just begun."""


@click.command()
@click.argument("model", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--evid", type=click.Path(exists=True, dir_okay=False), help="Evidence file.")
@click.option("--query", type=click.Path(exists=True, dir_okay=False), help="Query variables.")
@click.option("--task", type=click.Choice(["PR", "MAR", "MAP", "MPE", "MMAP"]), required=True)
@click.option("--budget", type=SECONDS, help="Seconds. [default: 20, or TIMESEC]")
@click.option("--seed", type=WHOLE_SEED, default=0, show_default=True, help="Of everything random.")
@device_option
@click.option(
    "--memory", type=GIBIBYTES, help="Cap, GiB. [default: half of what is free, or MEMKB]"
)
@click.option("--out", type=click.Path(dir_okay=False), help="Result file. [default: stdout]")
@click.option("--trace", type=click.Path(dir_okay=False), help="Write each improvement there.")
@workers_options
def solve(
    model: str | None,
    evid: str | None,
    query: str | None,
    task: str,
    budget: float | None,
    seed: int,
    device: str,
    memory: float | None,
    out: str | None,
    trace: str | None,
    workers: int | None,
    dask: str | None,
) -> int:
    """Answer TASK about MODEL (.uai, .bif and the other formats of models, packed or not).

    Without MODEL the competition's environment is read: MODEL EVID QUERY RESULT TIMESEC MEMKB.
    """
    from gmruntime.door.answer_size import AnswerSizeError
    from gmruntime.formats.uai import read_evidence, read_query
    from gmruntime.graph import no_evidence

    path = model or os.environ.get("MODEL")
    if not path:
        raise click.UsageError("name a MODEL, or set the variable MODEL")
    evid = evid or os.environ.get("EVID")
    query = query or os.environ.get("QUERY")
    seconds = budget or _environment("TIMESEC", SECONDS) or 20.0
    cap = memory_bytes(memory or _half_of_memory())
    try:
        graph = _read_graph(path)
        evidence = read_evidence(evid, graph) if evid else no_evidence(graph)
        asked = read_query(query, graph) if query else None
    except FormatError as error:
        raise click.ClickException(str(error)) from None
    if task == "MMAP" and asked is None:
        raise click.UsageError("MMAP needs --query, or the variable QUERY")
    end_s = _START_S + seconds - _RESERVE_S
    result = _Result(task, out or os.environ.get("RESULT"))
    with hired(workers, dask) as helpers, Interrupts() as interrupts:
        job = _Job(graph, evidence, asked, end_s, seed, device, cap, trace, helpers)
        find = _maximum if task in ("MAP", "MPE") else _sum
        try:
            status = find(job, result, interrupts)
        except AnswerSizeError as error:
            raise click.ClickException(str(error)) from None
    return interrupts.exit_status if interrupts.number else status


def _read_graph(path: str) -> "FactorGraph":
    from gmruntime.formats.models import graph_of, read_model
    from gmruntime.formats.recognise import GM

    found = read_model(path, lambda text: click.echo(printable(f"warning: {text}"), err=True))
    if found is None:
        raise FormatError(path, f"this looks like {GM.name}", hint=GM.advice)
    return graph_of(found)


def _environment(name: str, kind: Positive) -> float | None:
    text = os.environ.get(name, "")
    try:
        return kind.convert(text, None, None) if text else None
    except click.BadParameter as error:
        raise click.UsageError(f"the variable {name}: {error.message}") from None


def _half_of_memory() -> float | None:
    """Return half of what the competition grants, GiB: tables are not all there is."""
    kibibytes = _environment("MEMKB", Positive("KiB", MEMORY_MAX / 2**10))
    return None if kibibytes is None else kibibytes / 2**21


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """A task's inputs; `end_s` is when it must be done, by the monotonic clock."""

    graph: "FactorGraph"
    evidence: np.ndarray
    asked: np.ndarray | None
    end_s: float
    seed: int
    device: str
    memory_bytes: int | None
    trace: str | None
    workers: "Workers | None"

    def begin(self, watch: Watch) -> Budget:
        """Start the budget of what is left, some milliseconds even when nothing is."""
        seconds = max(0.05, self.end_s - now_s())
        watch.budget = begin_budget(seconds, self.memory_bytes).ending_with(watch.ended)
        return watch.budget


class _Result:
    """Where solutions go: a file gets each, the last one counts; stdout gets the last only."""

    def __init__(self, task: str, path: str | None) -> None:
        self.task, self.path, self.written_s = task, path, -math.inf
        if path is not None:
            Path(path).write_text("", "utf-8")

    def improve(self, text: str) -> None:
        """Take a solution that may not be the last."""
        if self.path is not None and now_s() - self.written_s >= _WRITE_EVERY_S:
            self._append(text)

    def finish(self, text: str) -> None:
        """Take the last solution."""
        if self.path is None:
            click.echo(f"{self.task}\n{text}", nl=False)
        else:
            self._append(text)

    def _append(self, text: str) -> None:
        assert self.path is not None
        head = f"{self.task}\n" if self.written_s == -math.inf else "-BEGIN-\n"
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(head + text)
        self.written_s = now_s()


def _sum(job: _Job, result: _Result, interrupts: Interrupts) -> int:
    """Answer a task that sums: PR, MAR or MMAP."""
    from gmruntime.answer import (
        LogPartitionAnswer,
        MarginalMapAnswer,
        MarginalsAnswer,
        Status,
    )
    from gmruntime.formats.uai_results import (
        marginals_text,
        partial_assignment_text,
        partition_text,
    )
    from gmruntime.inference import infer

    def find(watch: Watch) -> "Answer":
        return infer(
            job.graph,
            _question(job, result.task),
            evidence=job.evidence,
            budget=job.begin(watch),
            seed=job.seed,
            device=job.device,
        )

    found = interrupts.answer(find)
    if found is None:
        click.echo("no answer was found in time", err=True)
        return EXIT_ANSWERED
    click.echo(f"{found.quality.status.value}: {found.quality.method}", err=True)
    impossible = found.quality.status is Status.IMPOSSIBLE
    match found:
        case LogPartitionAnswer():
            result.finish(partition_text(-math.inf if impossible else found.log_value))
        case MarginalsAnswer():
            rows = [r for b in found.probabilities for r in b.reshape(-1, b.shape[-1])]
            result.finish(marginals_text([np.nan_to_num(r) for r in rows]))
        case MarginalMapAnswer():
            assert job.asked is not None
            states = found.states if len(found.states) else np.zeros_like(job.asked)
            result.finish(partial_assignment_text(job.asked, states))
        case _:
            raise AssertionError(type(found).__name__)
    return EXIT_IMPOSSIBLE if impossible else EXIT_ANSWERED


def _question(job: _Job, task: str) -> "RuntimeQuery":
    from gmruntime.answer import LogPartition, MarginalMap, Marginals

    match task:
        case "PR":
            return LogPartition()
        case "MMAP":
            assert job.asked is not None
            return MarginalMap(job.asked)
        case _:
            return Marginals()


def _maximum(job: _Job, result: _Result, interrupts: Interrupts) -> int:
    """Search for the best assignment; whatever ends the search, the best one found is written."""
    from gmruntime.answer import Map
    from gmruntime.formats.uai_results import assignment_text, log10
    from gmruntime.inference import search

    best: np.ndarray | None = None
    score, bound = -math.inf, math.inf
    told = ""
    lines = open(job.trace, "w", encoding="utf-8") if job.trace else None  # noqa: SIM115

    def find(watch: Watch) -> None:
        nonlocal best, score, bound, told
        for step in search(
            job.graph,
            Map(),
            evidence=job.evidence,
            budget=job.begin(watch),
            seed=job.seed,
            executor=None if job.workers is None else job.workers.executor,
            num_workers=None if job.workers is None else job.workers.count,
        ):
            if interrupts.has_left:
                return
            score, bound = step.log_score, step.log_bound
            told = _help_of(step)
            if step.is_found:
                best = step.assignment
                result.improve(assignment_text(best))
            if lines is not None:
                lines.write(_record(step))
                lines.flush()

    interrupts.answer(find)
    if interrupts.number:
        click.echo("interrupted", err=True)
    if lines is not None and not interrupts.has_left:
        lines.close()
    if best is None:
        impossible = bound == -math.inf
        click.echo("impossible" if impossible else "no assignment found", err=True)
        result.finish("0\n")
        return EXIT_IMPOSSIBLE if impossible else EXIT_ANSWERED
    click.echo(f"log10 score {log10(score):.6f}, bound {log10(bound):.6f}{told}", err=True)
    result.finish(assignment_text(best))
    return EXIT_ANSWERED


def _help_of(step: "Improvement") -> str:
    """Say how many took part in a search, and what became of those who did not."""
    taking_part = f", {step.workers} workers" if step.workers > 1 else ""
    return taking_part + (f" ({printable_line(step.note)})" if step.note else "")


def _record(step: "Improvement") -> str:
    record = {
        "seconds": round(step.seconds, 6),
        "log_score": step.log_score if math.isfinite(step.log_score) else None,
        "log_bound": step.log_bound if math.isfinite(step.log_bound) else None,
        "search": step.engine,
    }
    return json.dumps(record) + "\n"
