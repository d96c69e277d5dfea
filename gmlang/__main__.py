"""The `gmlang` command, from its first moment: an early Ctrl-C ends it as quietly as a late one."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Import the command line and run it."""
    try:
        from gmlang.cli import main as run

        run()
    except KeyboardInterrupt:
        # A second Ctrl-C, or one while modules were imported.
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
