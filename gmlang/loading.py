"""Models from files and texts: programs, and what other tools have written."""

from dataclasses import replace
from pathlib import Path

from gmlang.api import Model
from gmlang.diagnostics import GmError, Source
from gmlang.errors import data as data_errors
from gmlang.library import read_source, refuse_data, text_source
from gmlang.pipeline import check_source
from gmruntime.formats.recognise import GM, named_format


def load(path: str | Path, **data: object) -> Model:
    """Read a program, or a model of another tool, whose names are kept where they can be.

    Args:
        path: of the file; imports are looked up beside it.
        data: bound at once, as by `Model.bind`.

    Raises:
        GmError: with the mistakes in the program.
        FormatError: with the mistake in a model of another tool.
        OSError: when the file cannot be read.
    """
    path = Path(path)
    if named_format(str(path)) != GM and (found := _foreign(path)) is not None:
        return found.bind(**data)
    source = read_source(path)
    try:
        model = Model(check_source(source, path.parent))
    except GmError as error:
        refuse_data(source)
        raise error
    return model.bind(**data) if data else model


def _foreign(path: Path) -> Model | None:
    """Read a model of another tool; what is to be said of its file becomes warnings.

    None where it is none.
    """
    from gmlang.formats.programs import model_program
    from gmruntime.formats.models import holds_model, read_model

    if not holds_model(path):
        return None
    told: list[str] = []
    found = read_model(path, told.append)
    assert found is not None
    program = model_program(found, path.name)
    checked = check_source(Source(str(path), program.text))
    notes = [data_errors.about_model(text) for text in (*told, *program.notes)]
    return Model(replace(checked, warnings=(*checked.warnings, *notes))).bind(**program.data)


def compile(text: str, name: str = "<text>", **data: object) -> Model:
    """Check a program given as text; the arguments are those of `load`.

    Raises:
        GmError: with the mistakes in the program.
    """
    model = Model(check_source(text_source(name, text)))
    return model.bind(**data) if data else model
