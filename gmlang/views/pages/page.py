"""The page: all parts in order, with what is missing said, and one style for light and dark."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from gmlang.queries.answers import Answer
from gmlang.views.pages import activity, answers, beliefs, fight, pictures, snap, svg, tree
from gmlang.views.pages.reading import Run, read_run, run_of
from gmlang.views.pages.style import STYLE


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the page.

    Attributes:
        drawn: what of a run it shows; "" where it has nothing to show.
        missing: what to do then.
    """

    title: str
    lead: str
    missing: str
    drawn: Callable[[Run], str]


_PARTS = tuple(
    _Part(part.TITLE, part.LEAD, part.MISSING, part.drawn)
    for part in (pictures, beliefs, activity, fight, snap, tree, answers)
)


@dataclass(frozen=True, slots=True)
class Page:
    """A run as one page of HTML that needs nothing else; a notebook shows it."""

    html: str

    def save(self, path: str | Path) -> None:
        """Write the page into a file."""
        Path(path).write_text(self.html, "utf-8")

    def __repr__(self) -> str:
        return f"a page of {len(self.html)} characters: .save('run.html') writes it"

    def _repr_html_(self) -> str:
        inner = escape(self.html)
        style = "width:100%;height:46em;border:0"
        return f'<iframe srcdoc="{inner}" style="{style}" sandbox=""></iframe>'


def show(what: Answer | list[Answer] | tuple[Answer, ...] | str | Path) -> Page:
    """Show a run as a page: of a trace that `--trace` wrote, or of answers.

    Args:
        what: an answer, several, or the path of a trace.

    Raises:
        OSError: when there is no such file.
        ValueError: when the file is no trace, naming the line; when there are no answers.
        TypeError: for anything else.
    """
    match what:
        case str() | Path():
            return page_of(read_run(Path(what)), Path(what).name)
        case Answer():
            return page_of(run_of([what]), "answer")
        case list() | tuple():
            return page_of(run_of(_all_answers(what)), "answers")
        case _:
            raise _no_answers(what)


def _all_answers(what: Iterable[object]) -> list[Answer]:
    found: list[Answer] = []
    for one in what:
        if not isinstance(one, Answer):
            raise _no_answers(one)
        found.append(one)
    if not found:
        raise ValueError("there is no answer to show")
    return found


def _no_answers(what: object) -> TypeError:
    return TypeError(f"show takes answers, or the path of a trace, not {type(what).__name__}")


def page_of(run: Run, name: str) -> Page:
    """Write the page of a run.

    Args:
        run: what is known of it.
        name: of the trace, where the program's is not told.
    """
    title = svg.said(Path(run.file).name if run.file else name, 120)
    shown: list[str] = []
    missing: list[str] = []
    for part in _PARTS:
        drawing = part.drawn(run)
        if drawing:
            shown.append(f"<section><h2>{part.title}</h2><p>{part.lead}</p>{drawing}</section>")
        else:
            missing.append(f"<li><b>{part.title}.</b> {svg.said(part.missing, 300)}</li>")
    left = f"<section><h2>Not on this page</h2><ul>{''.join(missing)}</ul></section>"
    body = "".join(shown) + (left if missing else "")
    return Page(
        "<!DOCTYPE html>\n"
        '<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{title}</title><style>{STYLE}</style></head>"
        f"<body><main><header><h1>{title}</h1><p>{_summary(run)}</p></header>{body}</main>"
        "</body></html>\n"
    )


def _summary(run: Run) -> str:
    """Say in a line what the trace holds."""
    steps = sum(map(len, run.searches.values()))
    counts = (
        (len(run.answers), "answer"),
        (len(run.searches), "search", "searches"),
        (steps, "step"),
        (len(run.events), "event"),
    )
    told = [
        f"{count} {word if count == 1 else (more[0] if more else word + 's')}"
        for count, word, *more in counts
        if count
    ]
    return ", ".join(told) or "an empty run"
