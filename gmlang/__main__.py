"""The `gmlang` command, from its first moment: an early Ctrl-C ends it as quietly as a late one."""

import sys

_INTERRUPTED = 130


def main() -> None:
    """Import the command line and run it."""
    try:
        from gmlang.cli import main as run

        run()
    except KeyboardInterrupt:
        # One while modules were imported.
        sys.exit(_INTERRUPTED)
    except SystemExit as end:
        from gmlang.process.interrupts import leave

        if isinstance(end.code, int):
            leave(end.code)
        raise


if __name__ == "__main__":
    main()
