"""Entries of the interactive session as text: statements, names they declare, queries."""

import re

HELP = """\
a statement           declares, observes, considers ...; a name declared again is replaced
P(x | y = true)       a query, with or without the word `query`; MAP(), compat(a, b), why(x) ...
:load FILE  :save FILE  :show  :reset  :undo [n]  :models  :vars
:data NAME=FILE  :budget SECONDS  :time  :help  :quit"""

_QUESTION_WORDS = "P MAP MMAP best sample count logZ compat blame why active indep query"
_QUESTIONS = _QUESTION_WORDS.split()
_DECLARED = re.compile(r"^\s*(?:domain|entity|data|param|var|model|def)\s+([^\W\d]\w*)")


def is_query(text: str) -> bool:
    """Say whether an entry asks something."""
    word = re.match(r"\[?\s*([A-Za-z]\w*)", text)
    if word is None or word.group(1) not in _QUESTIONS:
        return False
    return word.group(1) == "query" or bool(re.match(r"\[?\s*\w+\s*\(", text))


def query_text(text: str) -> str:
    """Return a query without the word `query`."""
    return re.sub(r"^query\s+", "", text)


def declared_names(entry: str) -> frozenset[str]:
    """Return the names that a statement declares."""
    found = _DECLARED.match(entry)
    return frozenset([found.group(1)]) if found else frozenset()


def split_statements(text: str) -> list[str]:
    """Split a text into statements: a line that is not indented begins one."""
    statements: list[list[str]] = []
    depth = 0
    for line in text.split("\n"):
        plain = re.sub(r'"(?:[^"\\]|\\.)*"|#.*', "", line)
        begins = bool(line.strip()) and not line[0].isspace() and depth == 0
        if (begins and not re.match(r"(elif|else)\b", line)) or not statements:
            statements.append([])
        statements[-1].append(line)
        depth += sum(plain.count(c) for c in "([{") - sum(plain.count(c) for c in ")]}")
    joined = ["\n".join(lines).rstrip() for lines in statements]
    return [entry for entry in joined if entry.strip()]
