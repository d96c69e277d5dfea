"""gmlang: write down how things are generated, and ask what explains what is seen.

>>> import gmlang
>>> model = gmlang.compile("var rain : bool ~ Bernoulli(0.2)")
>>> model.query("P(rain)").status
'exact'
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gmlang.api import Answer as Answer
    from gmlang.api import Model as Model
    from gmlang.api import Step as Step
    from gmlang.diagnostics import GmError as GmError
    from gmlang.functions import function as function
    from gmlang.learning.dreams.dreaming import dream as dream
    from gmlang.learning.dreams.dreaming import guided as guided
    from gmlang.learning.dreams.recogniser import load_recogniser as load_recogniser
    from gmlang.loading import compile as compile
    from gmlang.loading import load as load
    from gmlang.views.pages.page import show as show

_API = ("Answer", "Model", "Step")
_LOADING = ("compile", "load")
_DREAMING = ("dream", "guided")


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `import gmlang` costs nothing."""
    if name in _API:
        from gmlang import api

        return getattr(api, name)
    if name in _LOADING:
        from gmlang import loading

        return getattr(loading, name)
    if name in _DREAMING:
        from gmlang.learning.dreams import dreaming

        return getattr(dreaming, name)
    if name == "load_recogniser":
        from gmlang.learning.dreams.recogniser import load_recogniser

        return load_recogniser
    if name == "show":
        from gmlang.views.pages.page import show

        return show
    if name == "GmError":
        from gmlang.diagnostics import GmError

        return GmError
    if name == "function":
        from gmlang.functions import function

        return function
    if name == "__version__":
        from importlib.metadata import version

        return version("gmlang")
    raise AttributeError(f"module 'gmlang' has no attribute {name!r}")


def load_ipython_extension(shell: object) -> None:
    """Make `%%gm` available in a notebook, on `%load_ext gmlang`."""
    from gmlang.views.notebook import register

    register(shell)
