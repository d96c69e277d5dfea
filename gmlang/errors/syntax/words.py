"""Words and signs: those of the language, and what to write for those of other languages."""

from gmlang.keywords import KEYWORDS, Kind

STATEMENTS = tuple(KEYWORDS[Kind.STATEMENT])
"""The words that begin a statement."""

STATEMENTS_OF_A_LINE = frozenset(STATEMENTS) - {"for", "if", "elif", "else", "match", "from"}

INNER_WORDS = (
    *(word for word in KEYWORDS[Kind.INNER] if len(word) >= 4),
    *("match", "else"),
)
"""Words inside a statement that are long enough to be recognised when mistyped."""

FOREIGN = {
    "while": "there is no `while`; `for i in 0..9:` repeats statements",
    "return": "a `def` is a formula without `return`: `def f(x) = x + 1`",
    "class": "things are declared by `entity Thing:`, concepts by `model m(x: Thing):`",
    "let": "declare with `var x : bool`, `param p = 0.5` or `def f(x) = x + 1`",
    "const": "a fixed number is declared by `param p = 0.5`",
    "int": "a variable is declared by `var x : 0..9`",
    "float": "a fixed number is declared by `param p = 0.5`",
    "bool": "a variable is declared by `var x : bool`",
    "print": "answers are printed by `query P(x)`",
    "show": "answers are printed by `query P(x)`",
    "function": "a function is declared by `def f(x) = x + 1`",
    "fn": "a function is declared by `def f(x) = x + 1`",
    "switch": "cases are told apart by `match x:`",
    "elseif": "write `elif`",
    "elsif": "write `elif`",
    "include": "write `import things`",
    "enum": "values are listed by `domain Color = {red, green}`",
    "minimize": "write `factor -cost`, and ask `query MAP()`",
    "minimise": "write `factor -cost`, and ask `query MAP()`",
    "maximise": "write `maximize gain`, and ask `query MEU()`",
    "solve": "assignments that fulfil all constraints: `query MAP()`, `query count()`",
    "condition": "evidence is given by `observe x = true`",
    "assume": "evidence is given by `observe x = true`",
    "evidence": "evidence is given by `observe x = true`",
    "given": "evidence is given by `observe x = true`",
    "rule": "a soft rule is `prefer c weight 1`, a hard one `constraint c`",
}

SIGNS = {
    "&&": "write `and`",
    "||": "write `or`",
    "!": "write `not`",
    ";": "a statement ends where its line ends; begin a new line",
    "^": "a power is written `**`; of conditions, `xor(a, b)`",
    "\\": "a statement goes on over several lines inside brackets",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "×": "write `*`",
    "·": "write `*`",
    "÷": "write `/`",
    "−": "write `-`",
    "→": "write `->`",
    "∧": "write `and`",
    "∨": "write `or`",
    "¬": "write `not`",
    "∈": "write `in`",
    "“": 'write `"`',
    "”": 'write `"`',
    "’": 'write `"`',
    "\N{NO-BREAK SPACE}": "this is a no-break space; write a plain one",
}

COMPARISONS = {"= >": ">=", "= <": "<=", "< >": "!=", "== =": "=="}
