"""What a file looks like: by its first bytes, or failing that by its name.

Whoever is handed a file of another format can say which it is, and what takes it.
"""

import re
from dataclasses import dataclass

from gmruntime.formats.errors import FormatError

READ = (
    "gmlang reads programs (.gm), Bayesian networks (BIF, XMLBIF, NET, DSC, XDSL), UAI models, "
    "cost functions (WCSP, CFN), factor graphs (FG) and parity checks (alist)"
)


@dataclass(frozen=True, slots=True)
class Format:
    """A format that files may have.

    Attributes:
        key: how its models are called in short, such as "bif"; "" for what is none.
        name: with its article, as in "a BIF network".
        advice: what takes such files, or what may be done with them.
    """

    key: str
    name: str
    advice: str = READ


GM = Format("gm", "a gmlang program", "answer its queries with `gmlang run FILE`")
_MODEL = (
    "ask it with `gmlang run FILE --query 'P(...)'`, answer it with `gmlang solve FILE --task "
    "MAR`, or translate it with `gmlang convert FILE model.gm`"
)
UAI = Format("uai", "a UAI model", _MODEL)
BIF = Format("bif", "a BIF network", _MODEL)
XMLBIF = Format("xmlbif", "an XMLBIF network", _MODEL)
NET = Format("net", "a Hugin network (NET)", _MODEL)
DSC = Format("dsc", "an MSBN network (DSC)", _MODEL)
XDSL = Format("xdsl", "a GeNIe network (XDSL)", _MODEL)
WCSP = Format("wcsp", "a weighted constraint problem (WCSP)", _MODEL)
CFN = Format("cfn", "a cost function network (CFN, JSON)", _MODEL)
FG = Format("fg", "a factor graph of libDAI (FG)", _MODEL)
ALIST = Format("alist", "a parity-check matrix (alist)", _MODEL)
UAI_NUMBERS = Format(
    "",
    "a UAI evidence or query file",
    "`gmlang solve MODEL.uai --evid FILE`, or `--query FILE`, takes it",
)
_UAI_RESULT = Format("", "a UAI result", "it is what `gmlang solve` writes, not what it reads")
_DATA = "it is data: `gmlang run PROGRAM.gm --data NAME=FILE` takes it"
_PACKED = "unpack it first"
_FRAME = "in Python, `model.bind(pandas.read_parquet(FILE))` takes it; or save it as CSV or NPZ"
_AS_BIF = f"{READ}; most tools for Bayesian networks, pyAgrum among them, save BIF"

NPZ = Format("", "an NPZ archive of NumPy arrays", _DATA)
NPY = Format("", "an NPY array of NumPy", _DATA)
TABLE = Format("", "a CSV table", _DATA)
PACKED = (
    Format("", "a gzip archive", _PACKED),
    Format("", "a bzip2 archive", _PACKED),
    Format("", "an xz archive", _PACKED),
)
_ZIP = Format("", "a zip archive", _PACKED)
_UTF_16 = Format("", "UTF-16 text", "save it as UTF-8")
PYTHON = Format("", "a Python program", "run it with `python FILE`")
JSON = Format("", "JSON", READ)

_BINARY = (
    (b"\x93NUMPY", NPY),
    (b"%PDF-", Format("", "a PDF document")),
    (b"\x89PNG", Format("", "a PNG picture")),
    (b"\xff\xd8\xff", Format("", "a JPEG picture")),
    (b"GIF8", Format("", "a GIF picture")),
    (b"\x1f\x8b", PACKED[0]),
    (b"BZh", PACKED[1]),
    (b"\xfd7zXZ", PACKED[2]),
    (b"\x28\xb5\x2f\xfd", Format("", "a zstandard archive", _PACKED)),
    (b"7z\xbc\xaf", Format("", "a 7z archive", _PACKED)),
    (b"Rar!", Format("", "a RAR archive", _PACKED)),
    (b"\x89HDF", Format("", "an HDF5 file", "save its arrays as NPZ: numpy.savez")),
    (b"PAR1", Format("", "a Parquet table", _FRAME)),
    (b"ARROW1", Format("", "an Arrow table", _FRAME)),
    (b"SQLite format 3", Format("", "an SQLite database", "save a table of it as CSV")),
    (b"\x7fELF", Format("", "an executable")),
    (b"MZ", Format("", "an executable")),
    (b"\xd0\xcf\x11\xe0", Format("", "a Microsoft Office document", "save it as CSV")),
    (b"RIFF", Format("", "a sound or film")),
    (b"MATLAB 5.0", Format("", "a MATLAB file", "save its arrays as NPZ: numpy.savez")),
    (b"\xff\xfe", _UTF_16),
    (b"\xfe\xff", _UTF_16),
)

_PICKLE = Format("", "a Python pickle", "pickles are never loaded, since that may run any program")

_MARKUP = (
    ("<bif", XMLBIF),
    ("<smile", XDSL),
    ("<probmodelxml", Format("", "an OpenMarkov network", _AS_BIF)),
    ("<instance", Format("", "a constraint problem (XCSP)", READ)),
    ("<svg", Format("", "an SVG picture", READ)),
    ("<html", Format("", "an HTML page", READ)),
    ("<!doctype html", Format("", "an HTML page", READ)),
)

_TEXT = (
    (r"%!PS", Format("", "a PostScript document", READ)),
    (r"net\s*\{|(?:class|node)\s+\S+\s*\{", NET),
    (r"belief\s+network\b", DSC),
    (r"// ?~->\[DNET", Format("", "a Netica network (DNE)", _AS_BIF)),
    (r"(?:di)?graph\b[^\n{]*\{", Format("", "a DOT graph", READ)),
    (r"p\s+w?cnf\b", Format("", "a DIMACS formula (CNF)", READ)),
    (r"@relation\b", Format("", "an ARFF table", "save it as CSV")),
    (r"-----BEGIN ", Format("", "a PEM file", READ)),
    (r"\\documentclass|\\begin\{", Format("", "LaTeX", READ)),
    (
        r"version https://git-lfs",
        Format("", "a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    ),
)
"""What files begin with, comments aside. None of these may take longer than linear time."""

_UAI_RESULTS = r"(?:PR|MAR|MAP|MPE|MMAP)\s+[-\d]"
_WCSP = r"\S+[ \t]+\d+[ \t]+\d+[ \t]+\d+[ \t]+\d+[ \t]*\r?\n[-\d \t\r\n]+\d"
_CFN = r"\{[\s,]*\"?problem\b|\{[\s,]*[{\[][^{}\[\]]{0,400}[<>][-+\d.]"
_BIF = r"network\b[^\n{]*\{|variable\s+[^\n{]+\{\s*(?:type|property)\b"
_NUMBERS = r"[\d\s]*"
_NUMERIC = r"[-+\d.eE,;\t ]+"
_PYTHON = r"(?m)^(?:def \w+\([^)\n]*\)\s*(?:->[^\n=]*)?:|class \w+[^\n]*:|if __name__)"
_GM = (
    r"(?m)^(?:domain|entity|data|param|def|var|model|factor|prefer|constraint|observe|consider|query"
    r"|assert|import|from)[ \t]+[^\W\d]"
)
_COMMENTS = r"(?s)(?:\s|[#%][^\n]*|//[^\n]*|/\*.*?\*/|c(?=\s)[^\n]*)*"

HEAD_CHARACTERS = 4096


def binary_format(content: bytes) -> Format | None:
    """Recognise what is no text, by its first bytes."""
    if content.startswith(b"PK\x03\x04"):
        return NPZ if b".npy" in content[:HEAD_CHARACTERS] else _ZIP
    for magic, found in _BINARY:
        if content.startswith(magic):
            return found
    if content[:1] == b"\x80" and content[1:2] in b"\x02\x03\x04\x05":
        return _PICKLE
    if content[257:262] == b"ustar":
        return Format("", "a tar archive", _PACKED)
    return None


def refuse_binary(file: str, content: bytes) -> None:
    """Refuse what is no text, by the first bytes of it.

    Raises:
        FormatError: saying what it looks like.
    """
    found = binary_format(content)
    if found is _UTF_16:
        return
    if found is not None:
        raise FormatError(file, f"this looks like {found.name}", hint=found.advice)
    if b"\0" in content:
        place = content.index(b"\0")
        raise FormatError(file, f"this is no text: byte {place} of it is zero")


def text_format(text: str) -> Format | None:
    """Recognise a text by how it begins; None for what no format begins with."""
    head = text[:HEAD_CHARACTERS].lstrip("\ufeff \t\r\n")
    comments = re.match(_COMMENTS, head)
    plain = head[comments.end() :] if comments else head
    if head.startswith("<"):
        lower = head.lower()
        return next((found for mark, found in _MARKUP if mark in lower), Format("", "XML"))
    for pattern, found in _TEXT:
        if re.match(pattern, head) or re.match(pattern, plain):
            return found
    if plain.startswith(("{", "[")):
        return CFN if re.match(_CFN, plain) else JSON
    if re.match(r"(?i:MARKOV|BAYES)\b", plain):
        return UAI
    if re.match(_BIF, plain):
        return BIF
    if re.match(_UAI_RESULTS, plain):
        return _UAI_RESULT
    if re.match(_WCSP, head):
        return WCSP
    if re.search(_PYTHON, head):
        return PYTHON
    if re.search(_GM, head):
        return GM
    if plain and re.fullmatch(_NUMBERS, plain):
        return UAI_NUMBERS
    return TABLE if _is_table(head) else None


def _is_table(head: str) -> bool:
    """Say whether lines look like rows: as many separators in each, and nothing of a language."""
    lines = head.splitlines()[:8]
    if len(head) < HEAD_CHARACTERS - 1 and len(lines) == 1:
        return bool(re.fullmatch(_NUMERIC, lines[0])) and re.search(r"[,;\t]", lines[0]) is not None
    if len(lines) < 2 or re.search(r"[:=~(){}]", "".join(lines)):
        return False
    counts = ({line.count(sign) for line in lines[:-1]} for sign in ",;\t")
    return any(len(found) == 1 and 0 not in found for found in counts)


_ENDINGS = {
    "gm": GM,
    "uai": UAI,
    "bif": BIF,
    "evid": UAI_NUMBERS,
    "npz": NPZ,
    "npy": NPY,
    "csv": TABLE,
    "tsv": TABLE,
    "net": NET,
    "xmlbif": XMLBIF,
    "bifxml": XMLBIF,
    "dsc": DSC,
    "xdsl": XDSL,
    "dne": Format("", "a Netica network (DNE)", _AS_BIF),
    "cfn": CFN,
    "wcsp": WCSP,
    "fg": FG,
    "alist": ALIST,
    "json": JSON,
}
"""Formats by the end of a name: consulted where the content does not say."""


def named_format(name: str) -> Format | None:
    """Recognise a file by its name, less the ending of a packed one."""
    parts = name.replace("\\", "/").rsplit("/", 1)[-1].lower().split(".")
    while len(parts) > 1 and parts[-1] in ("gz", "bz2", "xz"):
        parts.pop()
    return _ENDINGS.get(parts[-1]) if len(parts) > 1 else None


def recognise(name: str, text: str) -> Format | None:
    """Recognise a text by how it begins, or else by its name; bare numbers by the name first."""
    found, named = text_format(text), named_format(name)
    is_bare = found in (None, UAI_NUMBERS, TABLE, WCSP)
    return named if is_bare and named in (FG, ALIST) else found or named


def refuse_other(expected: Format, name: str, text: str) -> None:
    """Refuse a text that begins like one of another format.

    Raises:
        FormatError: saying what it looks like.
    """
    found = text_format(text)
    if found is not None and found not in (expected, TABLE, UAI_NUMBERS):
        raise FormatError(name, _unlike(found, expected), hint=found.advice)


def explained(error: FormatError, expected: Format, text: str) -> FormatError:
    """Add to a mistake what the file looks like, where that is not what was expected."""
    found = recognise(error.file, text)
    if found is None or found == expected or error.hint:
        return error
    message = f"{error.message}; {_unlike(found, expected)}"
    return FormatError(error.file, message, error.line, error.column, found.advice)


def _unlike(found: Format, expected: Format) -> str:
    return f"this looks like {found.name}, not like {expected.name}"
