"""The `gmlang` command. Results go to stdout, everything else to stderr.

Every subcommand's module is imported when it is called, so that `gmlang run` starts quickly.
"""

import contextlib
import gc
import io
import os
import sys
from collections.abc import Sequence

import click

from gmlang.cli.options import EXIT_BUG, EXIT_INTERRUPTED, EXIT_MISTAKE, EXIT_TERMINATED, EXIT_USAGE

_COMMANDS = {
    "run": ("gmlang.cli.run", "run", "Answer the queries of a program."),
    "learn": (
        "gmlang.cli.learn",
        "learn",
        "Learn params, models and functions.",
    ),
    "dream": (
        "gmlang.cli.tools",
        "dream",
        "Make a recogniser, which says where searches begin.",
    ),
    "filter": ("gmlang.cli.tools", "follow", "Follow a program over time, row by row."),
    "check": ("gmlang.cli.tools", "check", "Look for mistakes without running anything."),
    "fmt": ("gmlang.cli.tools", "fmt", "Print a program in its one canonical form."),
    "graph": ("gmlang.cli.tools", "graph", "Draw the factor graph, plates collapsed."),
    "dump": ("gmlang.cli.tools", "dump", "Show what a phase of the compiler produced."),
    "convert": ("gmlang.cli.convert", "convert", "Translate between .gm, UAI, BIF and DOT."),
    "solve": ("gmlang.cli.solve", "solve", "Answer a UAI competition task."),
    "plot": ("gmlang.cli.tools", "plot", "Draw answers, or a search that was traced."),
    "show": ("gmlang.cli.tools", "show", "Show a traced run as a page of HTML."),
    "repl": ("gmlang.cli.tools", "repl", "Explore a program interactively."),
    "lsp": ("gmlang.cli.tools", "lsp", "Serve editors: the Language Server Protocol."),
    "warm": ("gmlang.cli.tools", "warm", "Compile the runtime's loops once, ahead of time."),
}


class _ReaderGone(Exception):
    """Whoever read our output has seen enough. Click would call a broken pipe a failure."""


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are named."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _ReaderGone from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        import importlib

        module, name, _ = _COMMANDS[cmd_name]
        return getattr(importlib.import_module(module), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("gmlang")
    except PackageNotFoundError:
        found = "from a checkout that is not installed"
    click.echo(f"gmlang {found}")
    ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    callback=_print_version,
    expose_value=False,
    is_eager=True,
    help="Show the version.",
)
def group() -> None:
    """Write down how things are generated; ask what explains what is seen."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    from gmlang.cli.startup import skip_representations
    from gmlang.cli.streams import prepare_streams
    from gmlang.diagnostics import GmError, render
    from gmlang.process.interrupts import TerminatedError, listening_to_sigterm
    from gmruntime.printable import printable

    # A few large collections instead of hundreds of small ones while modules are imported.
    gc.set_threshold(100_000, 50, 50)
    skip_representations()
    prepare_streams()
    try:
        with listening_to_sigterm():
            status: object = group.main(args=arguments, prog_name="gmlang", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except GmError as error:
        click.echo(render(error.diagnostics), err=True)
        sys.exit(EXIT_MISTAKE)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        click.echo(printable(shown.getvalue()), nl=False, err=True)
        sys.exit(error.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        click.echo("interrupted", err=True)
        # Click turns an interrupt into an error of its own.
        is_terminated = isinstance(error.__cause__ or error, TerminatedError)
        sys.exit(EXIT_TERMINATED if is_terminated else EXIT_INTERRUPTED)
    except (BrokenPipeError, _ReaderGone):
        _forget_output()
        sys.exit(0)
    except OSError as error:
        click.echo(printable(f"gmlang: {error}"), err=True)
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            _forget_output()
        sys.exit(EXIT_USAGE)
    except MemoryError:
        click.echo("gmlang: this does not fit into memory; --memory says how much may be", err=True)
        sys.exit(EXIT_MISTAKE)
    except Exception:
        import traceback

        traceback.print_exc()
        click.echo("This is a bug in gmlang, please report it with this file.", err=True)
        sys.exit(EXIT_BUG)


def _forget_output() -> None:
    """Let what is still to be written go nowhere: it would fail again when Python ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
