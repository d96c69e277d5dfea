"""Answers and graphs as people see them: text, HTML, tables, pictures, notebooks.

Views import answers; answers import no view.
"""

from typing import TYPE_CHECKING

from gmlang.queries.answers import VIEWS
from gmlang.views.show import show

if TYPE_CHECKING:
    from gmlang.queries.answers import Answer


def attach_views() -> None:
    """Let answers show themselves: as text, HTML, pandas and xarray objects."""
    VIEWS.update(text=show, html=_html, pandas=_pandas, xarray=_xarray)


def _html(answer: "Answer") -> object:
    from gmlang.views.html import show_html

    return show_html(answer)


def _pandas(answer: "Answer") -> object:
    from gmlang.views.tables import to_pandas

    return to_pandas(answer)


def _xarray(answer: "Answer") -> object:
    from gmlang.views.tables import to_xarray

    return to_xarray(answer)
