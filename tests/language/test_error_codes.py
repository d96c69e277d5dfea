"""Every code of the catalogue has a program in `bad/`, or here what makes it outside a program.

What is said outside a program is kept word for word in `bad/outside`, a file for each code.
"""

import re
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pytest

import gmlang
from gmlang.cli.learn import keep
from gmlang.data.settings import read_file
from gmlang.diagnostics import GmError, Source
from gmlang.learning.dreams.recogniser import Recogniser
from gmlang.pipeline import check_source

BAD = Path(__file__).resolve().parent / "bad"
CATALOGUE = Path(gmlang.__file__).parent / "errors"


def _run(text: str) -> None:
    list(gmlang.compile(text).run())


def _bind(text: str, **values: object) -> None:
    gmlang.compile(text).bind(**values).grounding()


def _table(declaration: str, content: str | bytes) -> None:
    Path("k.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    gmlang.compile(f"{declaration}\n").bind(k=read_file("k", "k.csv")).grounding()


def _learn_from(text: str, content: str) -> None:
    Path("t.csv").write_text(content, "utf-8")
    gmlang.compile(text).learn(t=read_file("t", "t.csv"))


def _kept(more: str) -> None:
    """Append a model to a library that has some more."""
    learn = "learn model zarf(x: E) from ex using striped\n"
    seen = "var ex : E\nobserve ex.s = true\n"
    library = "entity E:\n    s : bool\nmodel striped(x: E):\n    predict x.s = true @ 0.9\n"
    Path("mine.gm").write_text(library + more, "utf-8")
    found = gmlang.compile(library + seen + learn).learn_model("zarf")
    keep(Path("mine.gm"), [found], "zarf.gm")


def _modules(texts: dict[str, str]) -> None:
    """Check a program called `main` beside modules."""
    for name, text in texts.items():
        Path(f"{name}.gm").write_bytes(text.encode("latin-1"))
    check_source(Source("main.gm", texts["main"]), Path())


def _later(question: str, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        Path(f"{name}.gm").write_text(text, "utf-8")
    gmlang.load("main.gm").query(question)


def _set_in_modules(imports: str, **values: float) -> None:
    for name in ("left", "right"):
        Path(f"{name}.gm").write_text("param p = 0.5\ndef half() = p\n", "utf-8")
    Path("main.gm").write_text(imports + "\nvar x : bool\n", "utf-8")
    gmlang.load("main.gm").set(**values)


def _told_of_a_model(text: str) -> None:
    """Raise what a model of another tool is warned of."""
    Path("m.net").write_text(text, "utf-8")
    raise GmError(gmlang.load("m.net").warnings)


IMPORTS = {"main": "import m0\n"} | {f"m{k}": f"import m{k + 1}\n" for k in range(200)}
DEFINITIONS = "".join(f"data d{k} = d{k + 1}\n" for k in range(3000)) + "data d3000 = 1\n"


def _without_a_package(k: object) -> object:
    raise ModuleNotFoundError("no skimage", name="skimage.filters")


def _derive_without_a_package() -> None:
    gmlang.function(_without_a_package, name="pieces")
    _bind("data k = 3\ndata d[N] : real := pieces(k)\n")


NUMBERS = "data k[N] : 0..9"
CALLED = (
    "data t : rows\nparam c : probability\nentity E:\n    a : bool\n"
    "model m(x: E) prior 0:\n    predict x.a\nmodel n(x: E) prior 0.3:\n"
    "    predict m(x) @ c\nvar x : E\nconsider n(x)\nlearn c from t\n"
)
FLIPS = "data t : rows\nparam p : probability\nvar x : bool ~ Bernoulli(p)\nlearn p from t\n"

ONE_RULE = "constraint f(2) == 3\nlearn def f(a: 0..3) : 0..9 using +, 1 size 3\n"

CHAIN = (
    "data y[T] : bool\nvar x[T] : bool\nobserve x = y\n"
    "for t in 1..<T: prefer x[t] == x[t-1] weight 1\n"
)

LONG = "var x[3000] : real ~ Normal(0, 1)\nobserve 1 ~ Normal(sum(x[i] for i in 0..<3000), 1)\n"

NO_DREAMS = "var x : bool\nconstraint x and not x\nobserve x\n"
NOTHING = np.zeros(0, np.int64)
OTHER = Recogniser("00", NOTHING, NOTHING, np.zeros((0, 0)), np.zeros(0), (0.0, 0.0))

LEVEL = """data y[T] : real
var x[T] : real
x[0] ~ Normal(0, 1)
for t in 1..<T: x[t] ~ Normal(x[t - 1], 1)
for t in 0..<T: observe y[t] ~ Normal(x[t], 0.2)
"""
LOST = """data y[T] : real
var x[T] : real
var shift[T] : real
for t in 1..<T: shift[t - 1] ~ Normal(shift[t], 1)
for t in 0..<T: observe y[t] ~ Normal(x[t], 0.2)
"""


def _step_twice(text: str) -> None:
    follow = gmlang.compile(text).filter()
    follow.step()
    follow.step()


OUTSIDE: dict[str, Callable[[], object]] = {
    "GM100": lambda: _modules({"main": "", "packed": "PK\x03\x04"}) or gmlang.load("packed.gm"),
    "GM206": partial(_modules, {"main": "import a\n", "a": "import b\n", "b": "import a\n"}),
    "GM215": lambda: _later("P(rain.wet)", {"rain": "var wet : bool\n", "main": "import rain\n"}),
    "GM217": partial(_modules, {"main": "import latin\n", "latin": "# caf\xe9\n"}),
    "GM218": partial(_modules, IMPORTS),
    "GM219": partial(_run, DEFINITIONS),
    "GM375": lambda: gmlang.compile(LONG).query("P(x[0])", memory_bytes=1 << 16),
    "GM402": partial(_bind, "data k : 0..9\n", kk=3),
    "GM418": partial(_bind, f"{NUMBERS}\n", k=["many"]),
    "GM450": partial(_table, NUMBERS, b"1\xff2\n"),
    "GM451": partial(_table, NUMBERS, "1,5;2,5\n"),
    "GM452": partial(_table, "data k[M, N] : 0..9", "1,2\n3\n"),
    "GM453": partial(_table, "domain D = {k, l}\ndata k[N] : D", "k\nl\n"),
    "GM454": partial(_table, NUMBERS, "age,size\n1,2\n"),
    "GM455": partial(_table, NUMBERS, "k,k\n1,2\n"),
    "GM456": partial(_table, NUMBERS, "1\nmany\n"),
    "GM457": partial(_bind, f"{NUMBERS}\n", k={"one": 1}),
    "GM458": partial(_bind, "data k[M, N] : 0..9\n", k=[[1, 2], [3]]),
    "GM460": lambda: _set_in_modules(
        "import left\nimport right\nfactor left.half() + right.half()", p=0.1
    ),
    "GM461": lambda: _set_in_modules("from left import p\nfactor p", **{"p": 0.1, "left.p": 0.1}),
    "GM462": partial(_table, NUMBERS, "# nothing\n"),
    "GM463": partial(_table, NUMBERS, '"1\n'),
    "GM464": partial(_table, NUMBERS, "1,\n"),
    "GM466": partial(
        _told_of_a_model, "net { }\nnode a { states = (u v); }\npotential (a) { data = (1 2); }\n"
    ),
    "GM467": lambda: gmlang.compile(f"{NUMBERS}\n").bind({"age": [1], "size": [2]}),
    "GM483": _derive_without_a_package,
    "GM484": lambda: gmlang.compile("data k : 0..9\nvar x : bool\n").query(
        "P(x)", rows={"k": [1, 2], "x": [True, False]}
    ),
    "GM712": lambda: gmlang.compile(FLIPS).learn(t={"X": [True]}),
    "GM263": lambda: _learn_from(CALLED, "x.a\nyes\nno\n"),
    "GM713": lambda: _learn_from(FLIPS, "x\nyes\nmaybe\n"),
    "GM717": lambda: gmlang.compile(FLIPS).learn(t={"x": [True], "weight": [-1]}),
    "GM729": lambda: gmlang.compile(FLIPS).learn(t={"x": [True]}).values["q"],
    "GM738": lambda: _kept("model zarf(x: E):\n    predict x.s = true @ 0.9\n"),
    "GM739": lambda: _kept("var it : E\nassert P(striped(it)) > 0.9\n"),
    "GM740": lambda: gmlang.compile("var x : bool\n").learn_model("zarf"),
    "GM757": lambda: gmlang.dream(gmlang.compile("var x : bool")),
    "GM758": lambda: gmlang.dream(gmlang.compile(NO_DREAMS)),
    "GM759": lambda: gmlang.guided(gmlang.compile("var x : bool"), OTHER),
    "GM760": lambda: gmlang.load_recogniser("nothing.npz"),
    "GM756": lambda: gmlang.compile(ONE_RULE).learn_def("f").ask("w"),
    "GM755": lambda: gmlang.compile("var x : bool\n").learn_def("carry"),
    "GM801": lambda: gmlang.compile(CHAIN).filter("S"),
    "GM809": lambda: gmlang.compile(CHAIN).filter(ask="MAP(x)"),
    "GM810": lambda: gmlang.compile(CHAIN).filter(ask="P(x[0])"),
    "GM811": lambda: gmlang.compile(CHAIN).filter().step(z=1),
    "GM813": lambda: gmlang.compile(f"data z[T] : bool\n{CHAIN}").filter().update(y=[1], z=[1, 0]),
    "GM817": lambda: _step_twice(LOST),
    "GM818": lambda: gmlang.compile(LEVEL).filter().step(y=float("inf")),
    "GM814": lambda: gmlang.compile(CHAIN).filter(ask="P(x[t] and t > 2)"),
    "GM511": lambda: list(gmlang.compile("var x : bool\n").run(budget_s=-1)),
    "GM512": lambda: list(gmlang.compile("var x : bool\n").run(executor=cast("Executor", "many"))),
}
"""For each code that no program alone can raise, what does."""


def test_every_code_has_an_example():
    catalogue = "".join(path.read_text("utf-8") for path in CATALOGUE.rglob("*.py"))
    words = "".join(path.read_text("utf-8") for path in BAD.rglob("*.err"))
    assert set(re.findall(r'"(GM\d{3})"', catalogue)) == set(re.findall(r"\[(GM\d{3})\]", words))


@pytest.mark.parametrize("code", OUTSIDE)
def test_a_mistake_outside_a_program_is_told_in_these_words(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update_golden: bool
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GmError) as caught:
        OUTSIDE[code]()
    words = str(caught.value) + "\n"
    golden = BAD / "outside" / f"{code}.err"
    if update_golden:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(words, "utf-8")
    assert f"[{code}]" in words
    assert words == golden.read_text("utf-8")
