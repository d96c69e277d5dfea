"""`gmlang learn`: learn the params of a program from cases, and models from examples."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gmlang.cli.options import (
    EXIT_ANSWERED,
    EXIT_IMPOSSIBLE,
    GIBIBYTES,
    SECONDS,
    WHOLE_SEED,
    bound,
    memory_bytes,
    open_program,
    values_options,
)
from gmlang.process.interrupts import Interrupts
from gmruntime.printable import printable

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from gmlang.api import Model
    from gmlang.core.learned_defs import Learnable
    from gmlang.core.parameters import Learn
    from gmlang.diagnostics import Source
    from gmlang.learning.concepts.result import LearnedModel
    from gmlang.learning.course import Terms
    from gmlang.learning.functions.result import LearnedDefs
    from gmlang.learning.learn import Step
    from gmlang.learning.results.result import Learned
    from gmruntime.budget import Watch

    Found = Learned[Model] | LearnedModel[Model] | LearnedDefs[Model]

LATE_S = 0.45
"""What learning may take beyond its time: a round is not cut in two."""

ENDINGS = (".gm", ".npz", ".json")

IMPOSSIBLE = "GM715"

_ASSERT_SECONDS = 30.0
"""What each assertion of a library may take."""

_METHOD_HELP = "em, gradient, variational, pseudo or cd(5). [default: what fits]"


def _method(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Read a method of learning."""
    from gmlang.core.parameters import METHODS, method_named

    if text is None or method_named(text):
        return text and method_named(text)
    raise click.BadParameter(f"{text!r} is none of {', '.join(METHODS)}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@values_options
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False), help="Write .gm, .npz or .json there."
)
@click.option("--in-place", is_flag=True, help="Write the values into FILE itself.")
@click.option(
    "--hold-out",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="How much of the rows only a score is made of.",
)
@click.option("--restarts", type=click.IntRange(1, 10_000), help="How many starts.")
@click.option(
    "--within", type=SECONDS, default=60.0, show_default=True, help="Seconds for each learn."
)
@click.option("--seed", type=WHOLE_SEED, default=0, show_default=True, help="Of everything random.")
@click.option("--method", metavar="NAME", callback=_method, help=_METHOD_HELP)
@click.option("--weight", metavar="COLUMN", help="The weights of rows. [default: weight]")
@click.option("--skip-impossible", is_flag=True, help="Leave out rows that cannot be.")
@click.option(
    "--library",
    type=click.Path(exists=True, dir_okay=False),
    help="Append the models and functions that were learned there.",
)
@click.option("--refit", is_flag=True, help="Fit the confidences of what models are made of.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--memory", type=GIBIBYTES, help="Cap on tables, GiB.")
def learn(
    file: str,
    files: tuple[str, ...],
    settings: tuple[str, ...],
    out: str | None,
    in_place: bool,
    hold_out: float,
    restarts: int | None,
    within: float,
    seed: int,
    method: str | None,
    weight: str | None,
    skip_impossible: bool,
    library: str | None,
    refit: bool,
    as_json: bool,
    memory: float | None,
) -> int:
    """Learn the params of FILE, a program: those its `learn`s name, else all without a value.

    Models and functions that it learns are learned as well, in the order in which they stand.

    Ctrl-C gives the best so far, and writes it.
    """
    from gmlang.diagnostics import GmError, render
    from gmlang.errors.learning.course import out_of_time
    from gmlang.learning.course import Terms
    from gmlang.learning.learn import How

    if not 0 <= hold_out < 1:
        raise click.UsageError("--hold-out takes a part of the rows, from 0 to below 1")
    target = _target(file, out, in_place=in_place)
    model = bound(open_program(file), settings, files)
    how = How(hold_out, seed, weight, skip_impossible)
    terms = Terms(how, within, method or "", restarts, memory_bytes(memory))
    wanted = _wanted(model, is_refitted=refit)
    if target is not None:
        _check_target(target, model, wanted)
    found: list[Found] = []
    with Interrupts() as interrupts:
        try:
            for what in wanted:
                learned = interrupts.answer(
                    lambda watch, m=model, w=what: _one(m, w, terms, watch), LATE_S
                )
                if learned is None and not interrupts.number:
                    raise GmError([out_of_time(what.span)])
                if learned is None:
                    click.echo("interrupted before anything was learned", err=True)
                    return interrupts.exit_status
                found.append(learned)
                model = learned.model
                if not as_json:
                    click.echo(("\n" if len(found) > 1 else "") + printable(repr(learned)))
                if interrupts.number:
                    break
        except GmError as error:
            is_impossible = any(d.code == IMPOSSIBLE for d in error.diagnostics)
            if not (is_impossible or interrupts.number):
                raise
            click.echo(render(error.diagnostics), err=True)
            return interrupts.exit_status if interrupts.number else EXIT_IMPOSSIBLE
        status = interrupts.exit_status if interrupts.number else EXIT_ANSWERED
    if as_json:
        click.echo(json.dumps({"file": file, "learned": [one.to_dict() for one in found]}))
    if target is not None:
        _write(Path(target), model, found, files)
    if library is not None:
        keep(Path(library), found, Path(file).name)
    return status


def _wanted(model: "Model", *, is_refitted: bool) -> "tuple[Learnable, ...]":
    """List what is to be learned, in the order of the program."""
    from dataclasses import replace

    from gmlang.core.learned_defs import all_learns
    from gmlang.learning.course import learns_of

    program = model.checked.program
    is_without_params = (program.concepts or program.defs) and not program.learns
    learns = () if is_without_params else learns_of(program, model.values)
    concepts = program.concepts
    if is_refitted and not concepts:
        raise click.UsageError("--refit is for a `learn model`, and the program has none")
    if is_refitted:
        concepts = tuple(replace(what, refit=True) for what in concepts)
    return all_learns(learns, concepts, program.defs)


def _one(model: "Model", what: "Learnable", terms: "Terms", watch: "Watch") -> "Found":
    """Learn params, a model or functions."""
    from gmlang.core.learned_defs import LearnDefs
    from gmlang.core.parameters import Learn
    from gmlang.learning.turns import learn_concept, learn_functions
    from gmlang.queries.settings import Settings

    if isinstance(what, Learn):
        return _watched(model, what, terms, watch)
    settings = Settings(seed=terms.how.seed, memory_bytes=terms.memory_bytes, watch=watch)
    if isinstance(what, LearnDefs):
        return learn_functions(model, what, settings, terms.budget_s)
    return learn_concept(model, what, settings, terms.budget_s)


def _target(file: str, out: str | None, *, in_place: bool) -> str | None:
    """Return where to write; refused before anything is learned where that cannot be.

    Raises:
        click.UsageError: for what may not be written over, or is of no form known.
    """
    if in_place:
        if out is not None or file == "-":
            raise click.UsageError("--in-place writes FILE itself, and takes no -o")
        return file
    if out is None:
        return None
    if not out.endswith(ENDINGS):
        raise click.UsageError(f"-o takes a file that ends in {', '.join(ENDINGS)}, not {out!r}")
    if not Path(out).resolve().parent.is_dir():
        raise click.UsageError(f"-o {out}: there is no such folder")
    if file != "-" and Path(out).resolve() == Path(file).resolve():
        raise click.UsageError(f"{out} is the program itself: --in-place writes over it")
    return out


def _check_target(target: str, model: "Model", wanted: "Sequence[Learnable]") -> None:
    """Refuse what could not be written, before it is learned.

    Raises:
        click.UsageError: for what has no place in a file of this form.
        GmError: when data is missing, so that sizes are not known.
    """
    from gmlang.core.parameters import Learn
    from gmlang.learning.course import sizes_of
    from gmlang.learning.results.writing import check_writable

    program = model.checked.program
    names = [name for what in wanted if isinstance(what, Learn) for name in what.names]
    if target.endswith(".npz") and not names:
        raise click.UsageError("what was learned is no array: write a .gm or .json")
    if target.endswith(ENDINGS[1:]):
        return
    try:
        check_writable(program.span.source, sizes_of(program, model.values, names))
    except ValueError as error:
        raise click.UsageError(printable(str(error))) from None


def _watched(model: "Model", what: "Learn", terms: "Terms", watch: "Watch") -> "Learned[Model]":
    """Learn, and show on a terminal how far that is."""
    steps: Generator[Step, None, Learned[Model]] = model.learn_one(what, terms, watch)
    is_live = sys.stderr.isatty()
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            if is_live:
                click.echo(f"\r\x1b[K{_progress(step)}", nl=False, err=True)
    finally:
        if is_live:
            click.echo("\r\x1b[K", nl=False, err=True)


def _progress(step: "Step") -> str:
    parts = [f"{step.method} {step.round}"]
    if step.nats_a_case == step.nats_a_case:
        parts.append(f"{step.nats_a_case:.4f} nats a case")
    if step.gain_left < float("inf"):
        parts.append(f"about {step.gain_left:.2g} left")
    if step.held_out is not None:
        parts.append(f"held out {step.held_out:.4f}")
    if step.num_restarts > 1:
        parts.append(f"start {step.restart} of {step.num_restarts}")
    return " · ".join([*parts, f"{step.seconds:.1f} s"])


def _write(target: Path, model: "Model", every: "list[Found]", files: tuple[str, ...]) -> None:
    """Write what was learned: beside the target first, then in its place."""
    from gmlang.learning.kept import declarations_of
    from gmlang.learning.results.result import Learned
    from gmlang.learning.results.writing import write_arrays, written

    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    found = [one for one in every if isinstance(one, Learned)]
    try:
        match target.suffix:
            case ".npz":
                write_arrays(unfinished, {k: v for one in found for k, v in one.values.items()})
            case ".json":
                plain = [one.to_dict() for one in every]
                unfinished.write_text(json.dumps(plain) + "\n", "utf-8")
            case _:
                source = model.checked.program.span.source
                origin = _origin(files)
                declared = {k: v for one in every for k, v in declarations_of(one).items()}
                origins = [f"{origin}, {one.num_rows} rows" for one in found]
                unfinished.write_text(written(source, found, origins, declared), "utf-8")
                _check(unfinished, target)
        unfinished.replace(target)
    except ValueError as error:
        raise click.ClickException(printable(str(error))) from None
    finally:
        unfinished.unlink(missing_ok=True)
    click.echo(printable(f"wrote {target}"), err=True)


def _check(unfinished: Path, target: Path) -> None:
    """Make sure that what was written is a program; its imports lie beside the target."""
    from gmlang.diagnostics import Source
    from gmlang.pipeline import check_source

    check_source(Source(str(target), unfinished.read_text("utf-8")), target.parent)


def _origin(files: tuple[str, ...]) -> str:
    """Name the files that were learned from, each by the beginning of its checksum."""
    named: list[str] = []
    for text in files:
        path = text.partition("=")[2] or text
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        named.append(f"{Path(path).name} (sha256 {digest[:12]})")
    return " and ".join(named) or "the program's own observations"


def keep(path: Path, learned: "Sequence[Found]", origin: str) -> None:
    """Append models and functions to a library, where its assertions hold with them.

    The file is written whole or not at all: what it would be is checked first, and then renamed.

    Args:
        path: of the library.
        learned: what was learned, in that order; params are passed over.
        origin: the program that learned them.

    Raises:
        GmError: when a name is taken, or the library does not hold with what is added.
    """
    from gmlang.diagnostics import Source
    from gmlang.learning.kept import addition, kept_of
    from gmlang.library import read_source

    source, added = read_source(path), list[str]()
    for one in (kept for found in learned for kept in kept_of(found, origin)):
        new = addition(source, one)
        if new is None:
            click.echo(printable(f"{path} has `{one.text}` already"), err=True)
            continue
        source = Source(source.name, source.text + new)
        added.append(one.text)
    if not added:
        return
    _check_library(source, path, "`, `".join(added))
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(source.text, "utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    click.echo(printable(f"added `{'`, `'.join(added)}` to {path}"), err=True)


def _check_library(source: "Source", path: Path, added: str) -> None:
    """Check a library as it would be, and all that it asserts."""
    from gmlang.api import Model
    from gmlang.core.program import Assert
    from gmlang.diagnostics import GmError
    from gmlang.errors.learning import concepts as errors
    from gmlang.pipeline import check_source, told_unasked
    from gmlang.queries.settings import Settings

    try:
        model = Model(check_source(source, path.parent))
        mistakes = [d for d in told_unasked(model.session) if d.severity == "error"]
        trouble = [errors.library_refused(str(path), added, d) for d in mistakes]
        asserts = [q for q in model.questions if isinstance(q, Assert)]
        if not trouble and asserts:
            answers = model.answer_all(asserts, Settings(_ASSERT_SECONDS))
            failing = [answer.text for answer in answers if not answer.held]
            trouble = [errors.assertion_fails(str(path), added, text) for text in failing]
    except GmError as error:
        trouble = [errors.library_refused(str(path), added, d) for d in error.diagnostics]
    if trouble:
        raise GmError(trouble[:1])
