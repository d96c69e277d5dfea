"""`gmlang dream`: make a recogniser of a program, which says where searches begin."""

import click

from gmlang.cli.options import (
    EXIT_ANSWERED,
    SECONDS,
    WHOLE_SEED,
    bound,
    open_program,
    values_options,
)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@values_options
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False), required=True, help="Write it there, .rec.npz."
)
@click.option(
    "--samples",
    type=click.IntRange(10, 10_000_000),
    default=20_000,
    show_default=True,
    help="How many draws of the program it is made from.",
)
@click.option("--seed", type=WHOLE_SEED, default=0, show_default=True, help="Of everything random.")
@click.option("--within", type=SECONDS, default=60.0, show_default=True, help="Seconds at most.")
def dream(
    file: str,
    files: tuple[str, ...],
    settings: tuple[str, ...],
    out: str,
    samples: int,
    seed: int,
    within: float,
) -> int:
    """Make a recogniser of FILE from draws of the program itself.

    `gmlang run FILE --recogniser OUT` then begins its searches where it says. What is observed may
    be other than it was here.
    """
    from gmlang.learning.dreaming import dream as dreamed

    if not out.endswith(".npz"):
        raise click.UsageError(f"-o takes a file that ends in .npz, not {out!r}")
    model = bound(open_program(file), settings, files)
    recogniser = dreamed(model, count=samples, seed=seed, budget_s=within)
    try:
        recogniser.save(out)
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        raise click.UsageError(f"-o {out}: {reason}") from None
    click.echo(repr(recogniser))
    click.echo(f"wrote {out}", err=True)
    return EXIT_ANSWERED
