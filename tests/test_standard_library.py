"""Every module of the standard library compiles, and every assertion in it holds."""

from importlib.resources import files

import pytest

import gmlang

MODULES = sorted(p.name for p in files("gmstdlib").iterdir() if p.name.endswith(".gm"))


@pytest.mark.parametrize("name", MODULES)
def test_every_assertion_holds(name: str):
    text = files("gmstdlib").joinpath(name).read_text("utf-8")
    answers = list(gmlang.compile(text, name).run())
    assert answers, "a module ends in assertions"
    assert [a.text for a in answers if not a.held] == []


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name: str):
    text = files("gmstdlib").joinpath(name).read_text("utf-8")
    for heading in ("## What it is", "## Example", "## Impossible when"):
        assert heading in text
    assert len(text.splitlines()) <= 120


def test_an_import_brings_what_it_needs_and_runs_no_assertion():
    model = gmlang.compile(
        "from things import Thing, purple, jar\n"
        "model purple_jar = purple jar\n"
        "var it : Thing\n"
        "query P(it is purple jar | it.color = purple)\n"
    )
    (answer,) = model.run()
    assert answer.kind == "event"
