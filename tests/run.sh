#!/bin/sh
# The README's test command: makes a virtual environment beside the checkout unless one is active,
# installs the project with what its tests need, compiles the runtime's loops (so that no answer
# under test depends on how long that takes), and runs them.
set -e
cd "$(dirname "$0")/.."
if [ -z "$VIRTUAL_ENV" ]; then
    python3 -m venv .venv
    . .venv/bin/activate
    python -m pip install --quiet --upgrade pip
fi
python -m pip install --quiet --editable . --group test
python -m gmlang warm
exec python -m pytest -q -n 2 -m "not slow and not gpu" "$@"
