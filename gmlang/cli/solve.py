"""`gmlang solve`: a task of the UAI competitions, in their formats."""

import json
import math
import os
from pathlib import Path

import click
import numpy as np

from gmlang.cli.options import EXIT_ANSWERED, EXIT_IMPOSSIBLE
from gmruntime.formats.text import FormatError

RESERVE_S = 0.15
"""Kept back from the budget for writing the answer."""


@click.command()
@click.argument("model", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--evid", type=click.Path(exists=True, dir_okay=False), help="Evidence file.")
@click.option("--query", type=click.Path(exists=True, dir_okay=False), help="Query variables.")
@click.option("--task", type=click.Choice(["PR", "MAR", "MAP", "MPE", "MMAP"]), required=True)
@click.option("--budget", type=float, help="Seconds. [default: 20, or TIMESEC]")
@click.option("--seed", default=0, show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@click.option("--memory", type=float, help="Cap, GiB. [default: half of what is free, or MEMKB]")
@click.option("--out", type=click.Path(dir_okay=False), help="Result file. [default: stdout]")
@click.option("--trace", type=click.Path(dir_okay=False), help="Write each improvement there.")
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
) -> int:
    """Answer TASK about MODEL (.uai, packed or not).

    Without MODEL the competition's environment is read: MODEL EVID QUERY RESULT TIMESEC MEMKB.
    """
    from gmruntime.formats.uai import read_evidence, read_query, read_uai
    from gmruntime.graph import no_evidence

    path = model or os.environ.get("MODEL")
    if path is None:
        raise click.UsageError("name a MODEL, or set the variable MODEL")
    evid = evid or os.environ.get("EVID")
    query = query or os.environ.get("QUERY")
    out = out or os.environ.get("RESULT")
    seconds = budget or float(os.environ.get("TIMESEC", "20"))
    kilobytes = os.environ.get("MEMKB")
    cap = int(memory * 2**30) if memory else (int(kilobytes) * 512 if kilobytes else None)
    try:
        graph = read_uai(path)
        evidence = read_evidence(evid, graph) if evid else no_evidence(graph)
        asked = read_query(query, graph) if query else None
    except FormatError as error:
        raise click.ClickException(str(error)) from None
    if task == "MMAP" and asked is None:
        raise click.UsageError("MMAP needs --query")
    job = _Job(graph, evidence, asked, max(0.05, seconds - RESERVE_S), seed, device, cap, trace)
    text, status = _answer(job, task)
    content = f"{task}\n{text}"
    if out:
        Path(out).write_text(content, "utf-8")
    else:
        click.echo(content, nl=False)
    return status


class _Job:
    """A task's inputs."""

    def __init__(
        self,
        graph: object,
        evidence: np.ndarray,
        asked: np.ndarray | None,
        seconds: float,
        seed: int,
        device: str,
        memory_bytes: int | None,
        trace: str | None,
    ) -> None:
        self.graph, self.evidence, self.asked = graph, evidence, asked
        self.seconds, self.seed, self.device = seconds, seed, device
        self.memory_bytes, self.trace = memory_bytes, trace


def _answer(job: _Job, task: str) -> tuple[str, int]:
    from gmruntime.answer import (
        LogPartition,
        LogPartitionAnswer,
        MarginalMap,
        MarginalMapAnswer,
        Marginals,
        MarginalsAnswer,
        Status,
    )
    from gmruntime.formats.uai_results import log10, marginals_text
    from gmruntime.graph import FactorGraph
    from gmruntime.inference import infer

    assert isinstance(job.graph, FactorGraph)
    if task in ("MAP", "MPE"):
        return _maximum(job)
    if task == "MMAP":
        assert job.asked is not None
        question = MarginalMap(job.asked)
    else:
        question = LogPartition() if task == "PR" else Marginals()
    found = infer(
        job.graph,
        question,
        evidence=job.evidence,
        budget_s=job.seconds,
        seed=job.seed,
        device=job.device,
        memory_bytes=job.memory_bytes,
    )
    click.echo(f"{found.quality.status.value}: {found.quality.method}", err=True)
    impossible = found.quality.status is Status.IMPOSSIBLE
    status = EXIT_IMPOSSIBLE if impossible else EXIT_ANSWERED
    match found:
        case LogPartitionAnswer():
            shown = "-inf" if impossible else f"{log10(found.log_value):.10g}"
            return shown + "\n", status
        case MarginalsAnswer():
            rows = [r for b in found.probabilities for r in b.reshape(-1, b.shape[-1])]
            return marginals_text([np.nan_to_num(r) for r in rows]), status
        case MarginalMapAnswer():
            assert job.asked is not None
            pairs = " ".join(f"{v} {s}" for v, s in zip(job.asked, found.states, strict=True))
            return f"{len(job.asked)} {pairs}\n", status
        case _:
            raise AssertionError(type(found).__name__)


def _maximum(job: _Job) -> tuple[str, int]:
    from gmruntime.answer import Map
    from gmruntime.formats.uai_results import log10
    from gmruntime.graph import FactorGraph
    from gmruntime.inference import search

    assert isinstance(job.graph, FactorGraph)
    best: np.ndarray | None = None
    score, bound = -math.inf, math.inf
    lines = open(job.trace, "w", encoding="utf-8") if job.trace else None  # noqa: SIM115
    try:
        for step in search(
            job.graph,
            Map(),
            evidence=job.evidence,
            budget_s=job.seconds,
            seed=job.seed,
            memory_bytes=job.memory_bytes,
        ):
            if step.assignment.size:
                best, score = step.assignment, step.log_score
            bound = step.log_bound
            if lines is not None:
                record = {
                    "seconds": round(step.seconds, 6),
                    "log_score": score if math.isfinite(score) else None,
                    "log_bound": bound if math.isfinite(bound) else None,
                    "search": step.engine,
                }
                lines.write(json.dumps(record) + "\n")
                lines.flush()
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
    finally:
        if lines is not None:
            lines.close()
    if best is None:
        click.echo("no assignment found", err=True)
        return "0\n", EXIT_IMPOSSIBLE
    click.echo(f"log10 score {log10(score):.6f}, bound {log10(bound):.6f}", err=True)
    return f"{len(best)} {' '.join(map(str, best.tolist()))}\n", EXIT_ANSWERED
