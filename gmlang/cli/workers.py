"""`--workers` and `--dask`: who takes part in answering, from the command line."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from gmlang.cli.options import Command
from gmruntime.printable import printable_line

if TYPE_CHECKING:
    from gmruntime.workers.workers import Workers

NUM_WORKERS_MAX = 1024
"""Processes on one machine; a cluster may have more."""

_CONNECT_S = 10
"""How long a cluster may take to answer."""


def workers_options(command: Command) -> Command:
    """Give a command both options."""
    workers = click.option(
        "--workers",
        type=click.IntRange(0, NUM_WORKERS_MAX),
        help="Processes that share the work and the cores, this one among them. [default: 1]",
    )
    dask = click.option(
        "--dask",
        metavar="ADDRESS",
        help="Of a Dask scheduler whose workers help, such as tcp://host:8786.",
    )
    return workers(dask(command))


@contextmanager
def hired(number: int | None, address: str | None) -> "Generator[Workers | None]":
    """Yield who helps; None where this process works alone. They are let go at the end.

    Raises:
        click.UsageError: when both are given, or no cluster answers.
    """
    if number is not None and address is not None:
        raise click.UsageError("--workers starts processes here, --dask asks a cluster: give one")
    if address is not None:
        with _cluster(address) as workers:
            yield workers
    elif number is None or number <= 1:
        yield None
    else:
        from gmruntime.workers.processes import Processes
        from gmruntime.workers.workers import Workers

        executor = Processes(number - 1)
        try:
            yield Workers(executor, number - 1)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _cluster(address: str) -> "Generator[Workers]":
    """Yield the workers of a Dask cluster, which goes on afterwards."""
    from gmruntime.workers.workers import workers_of

    try:
        from distributed import Client  # pyright: ignore
    except ImportError:
        raise click.UsageError("--dask needs Dask: pip install distributed") from None
    try:
        client: Any = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        message = printable_line(f"--dask {address}: no scheduler answers ({error})")
        raise click.UsageError(message) from None
    try:
        if not client.nthreads():
            raise click.UsageError(printable_line(f"--dask {address}: the cluster has no workers"))
        workers = workers_of(client.get_executor())
        assert workers is not None
        yield workers
    finally:
        client.close(timeout=1)
