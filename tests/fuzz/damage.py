"""Files and texts of every kind that is read, damaged byte by byte.

Whatever the bytes are, a reader reads them or refuses them in its own words.
"""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import random
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import click
import numpy as np

import gmlang
from gmlang.cli.options import bound
from gmlang.diagnostics import GmError, Source
from gmlang.formats.network_programs import network_to_gm
from gmlang.formats.programs import graph_to_gm
from gmlang.syntax.parse import parse
from gmlang.syntax.print import print_program
from gmlang.views.notebook import register
from gmruntime.formats.errors import FormatError
from gmruntime.formats.models import graph_of, read_model, recognise_file
from gmruntime.formats.networks.bif import parse_bif
from gmruntime.formats.networks.network import Network
from gmruntime.formats.networks.writing import bif_text
from gmruntime.formats.uai import read_evidence, read_query, read_uai
from gmruntime.formats.uai_results import parse_assignment, parse_marginals, parse_partition
from tests.support.files import FILES

ROOT = Path(__file__).resolve().parents[2]
INPUTS = 24
"""Damaged inputs of one case."""

UAI = (
    b"MARKOV\n3\n2 2 3\n3\n1 0\n2 0 1\n2 1 2\n\n"
    b"2\n 0.4 0.6\n4\n .1 .9 1 0\n6\n .1 .2 .3 .4 .5 .6\n",
    b"BAYES\n2\n2 2\n2\n1 0\n2 0 1\n2 0.3 0.7\n4 0.1 0.9 0.5 0.5\n",
)
BIF = b"""network asia { property a; }
variable smoke { type discrete [ 2 ] { yes, no }; }
variable tub { type discrete [ 3 ] { "a b", 1-5, >5 }; }
probability ( smoke ) { table 0.01, 0.99; }
probability ( tub | smoke ) { (yes) 0.05, 0.9, 0.05; default 0.2 0.3 0.5; }
"""
TABLES = (
    b"1,2,3\n4,5,6\n",
    b"x;y;z\n1;2;NA\n\n4;5;6 # last\n",
    b"x\ttrue\tfalse\n",
    b'"1","2" , "3"\r\n4,5,6\r\n',
    b"\xef\xbb\xbf1 2 3\n4 5 6\n",
    "1,2,3\n4,5,6\n".encode("utf-16"),
)
NUMBERS = (
    b"2\n0 1\n2 0\n",
    b"MAR\n2 2 .5 .5 2 0 1\n",
    b"PR\n3.5\n",
    b"MAP\n1\n0",
    b"1\n2 0 1 2 1\n",
)
TRACE = b'{"seconds": 0.1, "log_score": -3.5, "log_bound": 2.0, "search": "a"}\n' * 2
DATA = "data x[2, 3] : {type}\nvar y : bool\nfor i in 0..1, j in 0..2: prefer y weight 0.1\n"
TYPES = ("real", "int", "bool", "0..9", "{red, green, true1}")
_WORDS = r"""
    { } ( ) [ ] : ~ := @ | & , ; .. ..< -> _ # " \"\"\" ' \\ = == != < ** // % ^ for in if else
    match predict use except model entity var data param observe like query P MAP why domain import
    from soft prior base do learn had not is table default probability network variable type
    discrete <!ENTITY <![CDATA[ ]]> &lt; &a; </a> <a> node potential data states belief scope costs
    salldiff knapsack wsum 0 1 -1 1e309 1e-400 99999999999999999999 nan inf NA 0x1 null true
    64 100000 \x1b
"""
WORDS = (*(w.encode() for w in _WORDS.split()), b"\n", b"    ", b"\t", b"\r", b"\0", b"\xff")
LETTERS = ("\u2028", "\ufeff", "\u202e", "é", "𝒙", "¹", "٣", "\U000e0041", "\ud800")


@dataclass(frozen=True, slots=True, eq=False)
class Damaged:
    """An input, and who reads it.

    Attributes:
        reader: its name in `READERS`.
        suffix: of the file's name.
        content: the bytes.
        choice: a number for whatever else the reader chooses.
    """

    reader: str
    suffix: str
    content: bytes
    choice: int


@dataclass(frozen=True, slots=True, eq=False)
class DamageCase:
    """Some damaged inputs."""

    inputs: tuple[Damaged, ...] = field(repr=False)

    @property
    def text(self) -> str:
        """How many inputs there are; each fault shows its own."""
        return f"{len(self.inputs)} inputs"

    @property
    def num_questions(self) -> int:
        """How many inputs there are."""
        return len(self.inputs)


def make(seed: int) -> DamageCase:
    """Damage some inputs."""
    rng = random.Random(seed)
    return DamageCase(tuple(_damaged(rng) for _ in range(INPUTS)))


# --- Damage --------------------------------------------------------------------------------


@cache
def programs() -> tuple[bytes, ...]:
    """Read the programs of the repository that are not long."""
    folders = ("examples", "stdlib/gmstdlib", "tests/language/bad")
    paths = [p for folder in folders for p in sorted((ROOT / folder).rglob("*.gm"))]
    return tuple(text for text in map(Path.read_bytes, paths) if len(text) < 3000)


QUERIES = tuple(
    text.encode()
    for text in (
        "P(rain | wet = true)",
        "MAP(rain, wet) within 200 ms",
        "best(2, rain)",
        "sample(3, rain | wet)",
        "why(rain)",
        "P(wet) using bp(iters=3, damping=0.5) as name",
        "indep(rain, wet)",
        "logZ(), count()",
        "[P(rain = b) for b in 0..1]",
    )
)


def _damaged(rng: random.Random) -> Damaged:
    reader = rng.choice(("program", "program", "query", "model", "model", *READERS))
    suffix, content = ORIGINALS[reader](rng)
    if rng.random() < 0.9:
        content = damage(rng, content)
    if reader in ("model", "numbers", "table") and rng.random() < 0.2:
        content = rng.choice((gzip.compress, bz2.compress, lzma.compress))(content)
        content = damage(rng, content) if rng.random() < 0.6 else content
        suffix += rng.choice(["", ".gz", ".xz", ".bz2"])
    return Damaged(reader, suffix, content, rng.randrange(1 << 16))


def damage(rng: random.Random, content: bytes) -> bytes:
    """Insert, delete, change, double and move pieces; the number of times is small."""
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        first = rng.randrange(len(found) + 1)
        last = min(len(found), first + rng.choice((1, 1, 2, 5, 40)))
        match rng.randrange(9):
            case 0:
                del found[first:last]
            case 1 | 2:
                found[first:first] = rng.choice(WORDS)
            case 3:
                found[first:first] = rng.choice(LETTERS).encode("utf-8", "surrogatepass")
            case 4:
                found[first:last] = rng.randbytes(last - first)
            case 5:
                found[first:first] = found[first:last]
            case 6:
                lines = bytes(found).split(b"\n")
                lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
                found = bytearray(b"\n".join(lines))
            case 7:
                found = _other_number(rng, found)
            case _:
                found = found[: rng.randrange(len(found) + 1)] if rng.random() < 0.3 else found
    return bytes(found)


def _other_number(rng: random.Random, content: bytearray) -> bytearray:
    numbers = list(re.finditer(rb"\d+", bytes(content)))
    if numbers:
        at = rng.choice(numbers)
        new = (b"0", b"-1", b"1e309", b"7", b"64", b"100000", b"4294967296", b"9" * 30, b"0.5")
        content[at.start() : at.end()] = rng.choice(new)
    return content


def _array(rng: random.Random) -> np.ndarray:
    kind = rng.choice(["<f8", ">f4", "<f2", "u1", "<i8", "?", "<U4", "S3", "<c16", "M8[s]"])
    return np.arange(6).reshape(rng.choice([(2, 3), (6,), (3, 2), (1, 2, 3)])).astype(kind)


def _npy(rng: random.Random) -> tuple[str, bytes]:
    held = io.BytesIO()
    np.save(held, _array(rng))
    return ".npy", held.getvalue()


def _model(rng: random.Random) -> tuple[str, bytes]:
    """A model of some format; its name ends as the format's do, or as another one's."""
    kind = rng.choice(("uai", "bif", *FILES))
    ending = kind if rng.random() < 0.8 else rng.choice(("uai", "bif", "txt", *FILES))
    if kind == "uai":
        return f".{ending}", rng.choice(UAI)
    return f".{ending}", BIF if kind == "bif" else FILES[kind].encode()


def _npz(rng: random.Random) -> tuple[str, bytes]:
    held = io.BytesIO()
    save = rng.choice((np.savez, np.savez_compressed))
    save(held, x=_array(rng), y=np.arange(2))
    return ".npz", held.getvalue()


ORIGINALS: dict[str, Callable[[random.Random], tuple[str, bytes]]] = {
    "program": lambda rng: (".gm", rng.choice(programs())),
    "query": lambda rng: ("", rng.choice(QUERIES)),
    "model": lambda rng: _model(rng),
    "numbers": lambda rng: (".evid", rng.choice(NUMBERS)),
    "table": lambda rng: (rng.choice([".csv", ".tsv", ".txt"]), rng.choice(TABLES)),
    "npy": _npy,
    "npz": _npz,
    "trace": lambda rng: (".jsonl", TRACE),
    "setting": lambda rng: ("", rng.choice([b"x=1.5", b"x=[1, 2]", b"x=true", b"T=3"])),
    "cell": lambda rng: ("", rng.choice(programs())),
    "repl": lambda rng: ("", rng.choice((*QUERIES, *programs(), b":help\n:show\n"))),
}


# --- Readers -------------------------------------------------------------------------------

RAIN = gmlang.compile(
    "var rain : bool ~ Bernoulli(0.2)\nvar wet : bool ~ Bernoulli(0.9 if rain else 0.1)\n"
)


def _read_program(path: Path, given: Damaged) -> None:
    model = gmlang.load(path)
    printed = print_program(parse(Source("p.gm", path.read_bytes().decode("utf-8-sig"))))
    assert print_program(parse(Source("p.gm", printed))) == printed, "printing is no fixed point"
    model.graph()
    if given.choice % 8 == 0:
        for answer in [*model.run(budget_s=0.05)][:3]:
            assert repr(answer)
            json.loads(answer.to_json())


def _read_query(path: Path, given: Damaged) -> None:
    answer = RAIN.query(given.content.decode("utf-8", "replace"), budget_s=0.1)
    assert repr(answer)
    json.loads(answer.to_json())


def _read_model(path: Path, given: Damaged) -> None:
    recognise_file(path)
    found = read_model(path)
    if given.choice % 4 == 0 and path.suffix != ".gm":
        gmlang.load(path).graph()
    if isinstance(found, Network):
        gmlang.compile(network_to_gm(found)).graph()
        assert bif_text(parse_bif("n", bif_text(found))) == bif_text(found)
    elif found is not None and graph_of(found).num_variables < 50:
        gmlang.compile(graph_to_gm(found, "m")).graph()


def _read_numbers(path: Path, given: Damaged) -> None:
    beside = path.with_name("model.uai")
    beside.write_bytes(UAI[0])
    graph = read_uai(beside)
    text = given.content.decode("utf-8", "replace")
    for read in (
        lambda: read_evidence(path, graph),
        lambda: read_query(path, graph),
        lambda: parse_partition("r", text),
        lambda: parse_marginals("r", text),
        lambda: parse_assignment("r", text),
    ):
        with contextlib.suppress(FormatError):
            read()


def _read_data(path: Path, given: Damaged) -> None:
    kind = TYPES[given.choice % len(TYPES)]
    model = gmlang.compile(DATA.replace("{type}", kind))
    named = str(path) if given.choice % 3 == 0 and path.suffix == ".npz" else f"x={path}"
    bound(model, (), (named,)).graph()


def _read_trace(path: Path, given: Damaged) -> None:
    from gmlang.views.plots.trace import read_trace

    with contextlib.suppress(ValueError):
        read_trace(path)


def _read_setting(path: Path, given: Damaged) -> None:
    text = given.content.decode("utf-8", "replace")
    kind = ("param x = 0.5\n", "data x[2] : int\n", "data T : int\ndata x[T] : bool\n")
    bound(gmlang.compile(kind[given.choice % 3] + "var y : bool\n"), (text,), ()).graph()


class Shell:
    """What `register` needs of a notebook's shell."""

    def __init__(self) -> None:
        """Begin with an empty namespace."""
        self.user_ns: dict[str, object] = {}
        self.call: Callable[..., object] | None = None

    def register_magic_function(self, call: Callable[..., object], kind: str, name: str) -> None:
        """Keep the magic."""
        del kind, name
        self.call = call


def _read_cell(path: Path, given: Damaged) -> None:
    shell = Shell()
    register(shell)
    assert shell.call is not None
    text = given.content.decode("utf-8", "replace")
    if len(text) < 400:
        shell.call("m", text)


def _read_commands(path: Path, given: Damaged) -> None:
    from gmlang.repl.loop import run_repl

    lines = given.content.decode("utf-8", "replace").split("\n")[:6]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        run_lines(run_repl, lines)


def run_lines(run: Callable[..., int], lines: list[str]) -> None:
    """Give the REPL its lines as standard input."""
    import sys

    before = sys.stdin
    sys.stdin = io.StringIO("\n".join(lines) + "\n")
    try:
        run(None, {})
    finally:
        sys.stdin = before


READERS: dict[str, Callable[[Path, Damaged], None]] = {
    "program": _read_program,
    "query": _read_query,
    "model": _read_model,
    "numbers": _read_numbers,
    "table": _read_data,
    "npy": _read_data,
    "npz": _read_data,
    "trace": _read_trace,
    "setting": _read_setting,
    "cell": _read_cell,
    "repl": _read_commands,
}

REFUSALS = (GmError, FormatError, click.UsageError)


def faults(case: DamageCase) -> Iterator[str]:
    """Have every input read; yield what is raised that is no refusal."""
    from tests.fuzz.rounds import told

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for given in case.inputs:
            path = Path(folder) / f"x{given.suffix}"
            path.write_bytes(given.content)
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    READERS[given.reader](path, given)
            except REFUSALS as error:
                str(error)
            except (Exception, SystemExit) as error:
                yield f"{given.reader}{given.suffix} {told(error)}\n{given.content!r}"
