"""`gmlang run`: answer the queries of a program."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gmlang.cli.options import (
    EXIT_ANSWERED,
    EXIT_IMPOSSIBLE,
    EXIT_INTERRUPTED,
    EXIT_MISTAKE,
    read_assignments,
)

if TYPE_CHECKING:
    from gmlang.api import Answer, Model


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--query", "-q", "texts", multiple=True, help="Ask this instead of the file's own.")
@click.option("--budget", default=5.0, show_default=True, help="Seconds for each query.")
@click.option("--seed", default=0, show_default=True, help="Of everything random.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@click.option("--data", "files", multiple=True, metavar="NAME=FILE", help="NPZ, NPY or CSV.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A size or param.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--trace", type=click.Path(dir_okay=False), help="Write each improvement there.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what each query would cost.")
@click.option("--memory", type=float, help="Cap on tables and messages, GiB.")
def run(
    file: str,
    texts: tuple[str, ...],
    budget: float,
    seed: int,
    device: str,
    files: tuple[str, ...],
    settings: tuple[str, ...],
    as_json: bool,
    trace: str | None,
    only_plan: bool,
    memory: float | None,
) -> int:
    """Answer the queries of FILE, in order."""
    from gmlang.api import load

    if not budget > 0:
        raise click.UsageError("--budget must be positive")
    model = load(file).bind(**read_assignments(settings, files))
    for warning in model.warnings:
        from gmlang.diagnostics import render

        click.echo(render([warning]), err=True)
    if only_plan:
        return _plan(model, texts, budget, seed)
    memory_bytes = None if memory is None else int(memory * 2**30)
    answers = _answers(model, texts, budget, seed, device, memory_bytes, trace)
    return _print_all(file, answers, as_json)


def _answers(
    model: "Model",
    texts: tuple[str, ...],
    budget: float,
    seed: int,
    device: str,
    memory_bytes: int | None,
    trace: str | None,
) -> Iterator["Answer"]:
    from gmlang.queries.session import Settings

    settings = Settings(budget, seed, device, memory_bytes)
    asked = [q for text in texts for q in model.ask(text)] if texts else list(model.questions)
    if trace is not None:
        from gmlang.cli.trace import traced

        yield from traced(model, asked, settings, Path(trace))
        return
    yield from model.answer_all(asked, settings)


def _print_all(file: str, answers: Iterator["Answer"], as_json: bool) -> int:
    status = EXIT_ANSWERED
    collected: list[dict[str, object]] = []
    first = True
    try:
        for answer in answers:
            if as_json:
                collected.append(answer.to_dict())
            else:
                click.echo(("" if first else "\n") + repr(answer))
                sys.stdout.flush()
            first = False
            if answer.held is False:
                status = EXIT_MISTAKE
            elif answer.status == "impossible" and answer.value is None and status == 0:
                status = EXIT_IMPOSSIBLE
            if answer.interrupted:
                status = EXIT_INTERRUPTED
                break
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    if as_json:
        click.echo(json.dumps({"file": file, "queries": collected}, allow_nan=False))
    return status


def _plan(model: "Model", texts: tuple[str, ...], budget: float, seed: int) -> int:
    from gmlang.queries.planning import describe_plan

    asked = [q for text in texts for q in model.ask(text)] if texts else list(model.questions)
    for question in asked:
        click.echo(describe_plan(model.session(), question, budget, seed))
    return EXIT_ANSWERED
