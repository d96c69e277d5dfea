"""`python -m gmlang` is the `gmlang` command."""

from gmlang.cli import main

if __name__ == "__main__":
    main()
