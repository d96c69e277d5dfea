"""What an author probably meant: rules that turn a token out of place into a useful message.

Each rule looks at a `Context` and either knows what to say, or says nothing. The first wins.
"""

import difflib
import re

from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors.syntax import habits
from gmlang.errors.syntax import mistakes as errors
from gmlang.errors.syntax.mistakes import Context
from gmlang.errors.syntax.words import (
    COMPARISONS,
    FOREIGN,
    INNER_WORDS,
    SIGNS,
    STATEMENTS,
    STATEMENTS_OF_A_LINE,
)


def nearest_statement(word: str) -> str:
    """Return the word that begins a statement and is most like a mistyped one, or ""."""
    found = difflib.get_close_matches(word.lower(), STATEMENTS, n=1, cutoff=0.65)
    return found[0] if found else ""


def _bad(context: Context) -> Diagnostic | None:
    if context.kind != "BAD":
        return None
    text = context.text
    if text.startswith('"""'):
        line = text.split("\n")[0]
        span = Span(context.span.source, context.span.start, context.span.start + len(line))
        return errors.unclosed_string(span, 'close it with `"""`')
    if text.startswith('"'):
        if context.first in ("import", "from"):
            name = re.sub(r"\W.*", "", text[1:]) or "things"
            return errors.unclosed_string(
                context.span, f"a module is named without quotes: `import {name}`"
            )
        return errors.unclosed_string(
            context.span, 'close it with `"`; between `"""` it may go on over several lines'
        )
    if text.startswith("'") and len(text) > 1:
        return errors.single_quotes(context.span)
    return errors.unexpected_character(context.span, SIGNS.get(text, ""))


def _bracket(context: Context) -> Diagnostic | None:
    if context.text in (")", "]", "}") and context.text not in context.accepts:
        pair = context.before + context.text
        if context.needs_operand and pair in ("[]", "{}"):
            return errors.plain(
                context, "write a size: `x[10]`" if pair == "[]" else "a set has at least one value"
            )
        if context.needs_operand and context.before in ("(", "[", "{", ","):
            return None
        if context.bracket is None or _fits(context.bracket.text, context.text):
            return errors.wrong_closer(context.span, None) if context.bracket is None else None
        return errors.wrong_closer(context.span, context.bracket)
    if context.bracket is None or not context.is_unclosed:
        return None
    at_end = context.kind in ("_NL", "$END")
    return errors.unclosed_bracket(context.bracket, None if at_end else context.span)


def _fits(opener: str, closer: str) -> bool:
    return opener + closer in ("()", "[]", "{}")


def _doubled(context: Context) -> Diagnostic | None:
    text = context.text
    if text in ("&", "|") and text in (context.before, context.after):
        return errors.plain(context, f"write `{'and' if text == '&' else 'or'}`")
    return None


def _comment(context: Context) -> Diagnostic | None:
    if context.text == "//" and context.at == 0:
        return errors.plain(context, "a comment begins with `#`")
    if context.text in ("/", "*") and context.at <= 1 and context.first == "/":
        return errors.plain(context, "a comment begins with `#`")
    return None


def _else(context: Context) -> Diagnostic | None:
    if context.first == "else" and context.text == "if" and context.at == 1:
        return errors.plain(context, "write `elif`")
    if context.first in ("else", "elif") and context.first not in context.accepts_first:
        return errors.without_if(context.words[0].span)
    return None


def _first_word(context: Context) -> Diagnostic | None:
    if not context.words or context.words[0].kind != "NAME" or context.at == 0:
        return None
    first, second = context.words[0], context.words[min(1, len(context.words) - 1)]
    is_mechanism = any(word.text in ("~", ":=") for word in context.words)
    if (is_mechanism or second.kind in ("EQUAL", "DOT", "LSQB")) and first.text not in FOREIGN:
        return None
    hint = FOREIGN.get(first.text, "")
    near = nearest_statement(first.text)
    if not hint and near and len(context.words) > 1 and "_INDENT" not in context.accepts:
        hint = f"did you mean `{near}`?"
    if not hint or "var" not in context.accepts_first:
        return None
    return Diagnostic("GM112", f"no statement begins with `{first.text}`", first.span, hint=hint)


def _two_statements(context: Context) -> Diagnostic | None:
    if context.bracket is not None:
        return None
    for number, word in enumerate(context.words[1 : context.at + 1], 1):
        is_whole = context.first in ("import", "from", "learn")
        is_statement = word.text in STATEMENTS_OF_A_LINE and not is_whole
        following = context.words[number + 1 : number + 2]
        before = context.words[number - 1]
        if not is_statement or not following or before.text in (".", ",", ":", "var", "="):
            continue
        if following[0].kind in ("NAME", "INT", "FLOAT") and before.span.end < word.span.start:
            return errors.misplaced(
                word.span,
                f"a second statement begins on the same line with `{word.text}`",
                hint="a statement ends where its line ends; begin a new line",
            )
    return None


def _type_missing(context: Context) -> Diagnostic | None:
    is_attribute = "var" not in context.accepts_first and context.words[0].kind == "NAME"
    if ":" not in context.accepts or "[" not in context.accepts or context.bracket is not None:
        return None
    if not (is_attribute or (context.first == "var" and len(context.words) > 1)):
        return None
    target = context.written(0, context.at)
    hint = f"such as `{target} : bool`, `{target} : 0..9` or `{target} : {{red, green}}`"
    return errors.needs_domain(context.words[0 if is_attribute else 1], hint)


def _colon(context: Context) -> Diagnostic | None:
    if ":" not in context.accepts or context.bracket is not None:
        return None
    headers = ("for", "if", "elif", "else", "entity", "match", "model")
    is_header = context.first in headers or any(w.text == "match" for w in context.words)
    if context.text == "{" and is_header:
        return errors.plain(context, "a block begins with `:` and is indented; it has no braces")
    if context.kind in ("_NL", "$END") and context.before == "then":
        return errors.misplaced(
            context.words[context.at - 1].span, "`then` is not expected here", "write `:` instead"
        )
    if context.kind in ("_NL", "$END") and is_header:
        return errors.missing_colon(context.span)
    if context.first == "model" and context.text == ":":
        return None
    if is_header and context.kind not in ("EQUAL",) and "match" not in context.first:
        return errors.plain(context, "is `:` missing before it?")
    return None


def _equals(context: Context) -> Diagnostic | None:
    if context.text != "=":
        return None
    for pair, meant in COMPARISONS.items():
        if f"= {context.after}" == pair:
            return errors.plain(context, f"the comparison is written `{meant}`")
    if context.first == "model" and (told := _misplaced_prior(context)) is not None:
        return told
    if context.before in ("prior", "weight", "base", "like", "within", "using", "as"):
        return errors.plain(context, f"the value follows `{context.before}` directly")
    first = context.first
    conditions = ("constraint", "factor", "prefer", "if", "elif", "assert", "for")
    if first == "for" and "in" in context.accepts:
        return errors.plain(context, "a loop is written `for i in 0..9:`")
    if first in conditions:
        return errors.plain(context, "`==` compares; `=` gives a value, as in `observe x = true`")
    if first == "var":
        return errors.plain(
            context,
            "a variable is drawn by `~` or defined by `:=`; a fixed number is `param p = 0.5`, "
            "and evidence is `observe x = true`",
        )
    if context.bracket is not None and context.bracket.text == "(":
        value = context.after or "3"
        hint = f"inside an expression `==` compares: `{context.before} == {value}`"
        return errors.plain(context, hint)
    if context.words[0].kind == "NAME":
        target = context.written(0, context.at)
        value = context.written(context.at + 1) or "3"
        return errors.plain(
            context,
            f"`param {target} = {value}` fixes a number, `{target} := {value}` defines a "
            f"variable, `observe {target} = {value}` gives evidence",
        )
    return None


def _misplaced_prior(context: Context) -> Diagnostic | None:
    """Say where the prior of a composition goes: behind its parts."""
    texts = [word.text for word in context.words]
    if "prior" not in texts or "=" not in texts[texts.index("prior") :]:
        return None
    at, equals = texts.index("prior"), texts.index("=", texts.index("prior"))
    if equals == at + 1:
        return None
    header, prior = context.written(0, at), context.written(at, equals)
    parts = context.written(equals + 1) or "a b"
    hint = f"the prior of a composition follows its parts: `{header} = {parts} {prior}`"
    return errors.plain(context, hint)


def _defines(context: Context) -> Diagnostic | None:
    first, text = context.first, context.text
    if (first in ("param", "data", "domain", "def") and text in (":=", "~", "==")) or (
        first == "domain" and text == ":"
    ):
        return errors.plain(context, "a value is given by `=`")
    if first == "domain" and text == "," and context.bracket is None:
        values = context.written(3)
        return errors.plain(
            context, f"values stand in braces: `domain {context.words[1].text} = {{{values}}}`"
        )
    if first == "def" and text in (":", "->"):
        return errors.plain(context, "a `def` is a formula: `def f(x) = x + 1`")
    if first == "def" and context.kind == "_NL" and "=" in context.accepts:
        return errors.plain(context, "a `def` is a formula: `def f(x) = x + 1`")
    if first == "model" and text == "prior" and (told := _misplaced_prior(context)) is not None:
        return told
    if first == "model" and "(" in context.accepts and "=" in context.accepts:
        name = context.words[1].text if len(context.words) > 1 else "m"
        return errors.plain(
            context, f"`model {name}(x: Thing):` predicts; `model {name} = purple jar` composes"
        )
    if (first == "constraint" and text == "~") or (first == "factor" and text in ("~", ":=")):
        return errors.plain(context, "a mechanism is a statement of its own: `x ~ Bernoulli(0.2)`")
    if first == "observe" and text in (":", ":=", "~"):
        return errors.plain(context, "evidence is given by `=`: `observe x = true`")
    if first == "predict" and "@" in context.accepts and context.words[context.at :]:
        if context.kind in ("INT", "FLOAT"):
            return errors.plain(context, f"a confidence is written `@ {context.text}`")
        if text == "==":
            return errors.plain(context, "a value is predicted by `=`")
    return None


def _imports(context: Context) -> Diagnostic | None:
    if context.first not in ("import", "from"):
        return None
    if context.kind == "STRING":
        name = re.sub(r"\.gm$|\W", "", context.text.strip('"')) or "things"
        return errors.plain(context, f"a module is named without quotes: `import {name}`")
    if context.text == "*":
        return errors.plain(context, "name what is wanted: `from things import purple, jar`")
    if context.text == "as" and context.first == "from":
        return errors.plain(
            context, "what comes from a module keeps its name; `import m as n` renames"
        )
    if context.text == "," and context.first == "import":
        return errors.plain(context, "each module has an `import` of its own, on its own line")
    if context.text in ("(", "{"):
        return errors.plain(context, "names stand without brackets: `from things import a, b`")
    return None


def _cases(context: Context) -> Diagnostic | None:
    if "->" in context.accepts and (context.kind == "_NL" or context.text in (":", "=", "~")):
        return Diagnostic(
            "GM114",
            "`->` is missing in this case",
            context.span,
            hint="a case that gives a value is written `pattern -> value`",
        )
    if context.text == "->":
        hint = "a case with statements is written `pattern:`" if ":" in context.accepts else ""
        return errors.plain(context, hint) if hint else None
    return None


def _examples(context: Context) -> Diagnostic | None:
    """Show what a statement that ends too early looks like."""
    if context.kind not in ("_NL", "$END"):
        return None
    if "weight" in context.accepts and context.first == "prefer":
        line = context.written(0)
        return errors.plain(context, f"say how strongly, in nats: `{line} weight 1`")
    examples = {
        "query": "query P(x)",
        "predict": "predict x.color = red @ 0.9",
        "observe": "observe x = true",
        "factor": "factor 0.5 * x",
        "constraint": "constraint x == y",
        "assert": "assert P(x) > 0.5",
        "use": "use bird(x)",
        "consider": "consider jar(it)",
        "prefer": "prefer x == y weight 1",
        "import": "import things",
        "var": "var x : bool",
        "param": "param p = 0.5",
        "data": "data y[T] : bool",
        "domain": "domain Color = {red, green}",
        "def": "def f(x) = x + 1",
        "from": "from things import purple",
    }
    if context.at == 1 and context.first in examples:
        return errors.plain(context, f"for example `{examples[context.first]}`")
    if context.first == "domain" and "=" in context.accepts:
        return errors.plain(context, f"for example `{examples['domain']}`")
    if "NAME" in context.accepts and context.accepts == ("NAME",) and "within" in _texts(context):
        return errors.plain(context, "say the unit: `within 200 ms` or `within 5 s`")
    is_open = context.needs_operand or context.accepts == ("NAME",)
    if is_open and context.at > 0 and context.words[context.at - 1].kind != "NAME":
        return errors.plain(context, f"something is missing after `{context.before}`")
    if {"~", ":="} <= set(context.accepts) and "factor" in context.accepts_first:
        line = context.written(0)
        return Diagnostic(
            "GM115",
            "this is an expression, not a statement",
            Span(context.span.source, context.words[0].span.start, context.words[-1].span.end),
            hint=f"`constraint {line}` demands it, `observe {line}` says that it is so, "
            f"`query P({line})` asks",
        )
    return None


def _texts(context: Context) -> tuple[str, ...]:
    return tuple(word.text for word in context.words)


def _numbers(context: Context) -> Diagnostic | None:
    if context.before == ".." and context.text.startswith("."):
        return errors.plain(context, "`0..3` includes 3, and `0..<3` does not")
    is_number = context.kind in ("INT", "FLOAT")
    before = context.words[context.at - 1] if 0 < context.at <= len(context.words) else None
    if before is None:
        return None
    if context.text == "," and before.kind == "INT" and re.fullmatch(r"\d{3}", context.after):
        return errors.plain(context, f"write `{before.text}_{context.after}`, without the comma")
    touches = before.span.end == context.span.start
    if context.text == "." and before.kind == "INT" and touches:
        return errors.plain(context, f"write `{before.text}.0`")
    if is_number and context.accepts == ("NAME",):
        return errors.plain(context, "a name begins with a letter or `_`")
    is_operand = is_number or context.kind == "STRING" or context.text in ("(", "[", "{")
    if "," in context.accepts and context.bracket is not None and is_operand:
        return errors.plain(context, "is `,` missing before it?")
    if is_number and context.bracket is None and context.first != "predict":
        return errors.plain(context, "is an operator missing before it?")
    return None


def _mistyped(context: Context) -> Diagnostic | None:
    """A word inside the line that is nearly one of the language's, read as a name."""
    for word in context.words[max(1, context.at - 2) : context.at + 1]:
        near = difflib.get_close_matches(word.text, INNER_WORDS, n=1, cutoff=0.75)
        if word.kind == "NAME" and near and near[0] != word.text:
            return errors.misplaced(
                word.span,
                f"`{word.text}` is not expected here",
                hint=f"did you mean `{near[0]}`?",
            )
    return None


RULES: tuple[errors.Rule, ...] = (
    _bad,
    _bracket,
    _doubled,
    _comment,
    *habits.RULES,
    _else,
    _imports,
    _two_statements,
    _first_word,
    _mistyped,
    _numbers,
    _type_missing,
    _equals,
    _defines,
    _cases,
    _colon,
    _examples,
)
"""In the order in which they are asked."""


def unexpected(context: Context) -> Diagnostic:
    """Report a token that cannot stand where it stands, by the first rule that knows it."""
    for rule in RULES if context.words else ():
        diagnostic = rule(context)
        if diagnostic is not None:
            return diagnostic
    return errors.plain(context)
