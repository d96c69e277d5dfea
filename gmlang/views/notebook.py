"""`%load_ext gmlang`, then `%%gm [name]`: a cell is a program; its model goes by that name."""

from typing import Any

from gmlang.diagnostics import GmError, render


def register(shell: Any) -> None:  # noqa: ANN401 - IPython is no dependency
    """Add the magics to a notebook's shell."""

    def cell(line: str, text: str | None = None) -> object:
        """Answer a query on the last model (`%gm P(x)`), or compile a cell (`%%gm [name]`)."""
        space: dict[str, Any] = shell.user_ns
        try:
            if text is None:
                return space["_gm"].query(line)
            return _compile(space, line.strip(), text)
        except GmError as error:
            print(render(error.diagnostics))
            return None
        except KeyError:
            print("no model yet: write one in a %%gm cell")
            return None

    shell.register_magic_function(cell, "line_cell", "gm")
    _highlight_cells(shell)


def _highlight_cells(shell: Any) -> None:  # noqa: ANN401
    """Have IPython's terminal colour `%%gm` cells; what a browser shows is not the kernel's."""
    prompt = getattr(getattr(shell, "pt_app", None), "lexer", None)
    lexers: Any = getattr(prompt, "magic_lexers", None)
    if isinstance(lexers, dict):
        from prompt_toolkit.lexers import PygmentsLexer

        from gmlang.editor.highlight import GmLexer

        lexers["gm"] = PygmentsLexer(GmLexer)


def _compile(space: dict[str, Any], name: str, text: str) -> object:
    from gmlang.loading import compile as compile_text

    model = compile_text(text, name or "<cell>")
    data = {
        symbol.name: space[symbol.name]
        for symbol in model.checked.program.data
        if not symbol.has_value() and symbol.name in space
    }
    model = model.bind(**data)
    space["_gm"] = model
    if name:
        space[name] = model
    answers = list(model.run())
    return answers[0] if len(answers) == 1 else answers or model
