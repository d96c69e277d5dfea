"""Answers and graphs as people see them: text, HTML, tables, pictures, notebooks.

Views import answers; answers import no view.
"""

from gmlang.queries.answers import VIEWS
from gmlang.views.html import show_html
from gmlang.views.show import show
from gmlang.views.tables import to_pandas, to_xarray


def attach_views() -> None:
    """Let answers show themselves: as text, HTML, pandas and xarray objects."""
    VIEWS.update(text=show, html=show_html, pandas=to_pandas, xarray=to_xarray)
