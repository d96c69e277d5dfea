"""Analyses give way to who waits for them, and leave nothing behind that has to be looked for."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable

import pytest

from gmlang.diagnostics import Source
from gmlang.editor.analysis import Analysis, Unchecked

pytest.importorskip("pygls")

from gmlang.editor.lsp import service as services
from gmlang.editor.lsp.documents import Document
from gmlang.editor.lsp.service import Service

URI = "file:///service/main.gm"
TEXT = "var rain : bool ~ Bernoulli(0.2)\nquery P(rain)\n"


def _run(scenario: Callable[[Service, Document], Awaitable[None]]) -> list[Document]:
    told: list[Document] = []

    async def session() -> None:
        service = Service(told.append)
        document = service.open(URI, TEXT, 1)
        await service.fresh(document)
        await scenario(service, document)
        service.stop()

    asyncio.run(session())
    return told


def _type(service: Service, document: Document, text: str) -> None:
    document.lines = type(document.lines)(text, document.encoding)
    service.change(document)


def test_who_waited_for_names_asks_more_before_all_is_checked(monkeypatch: pytest.MonkeyPatch):
    order: list[str] = []
    check = Unchecked.check

    def noted(self: Unchecked) -> Analysis:
        order.append("checked")
        return check(self)

    monkeypatch.setattr(Unchecked, "check", noted)

    async def scenario(service: Service, document: Document) -> None:
        _type(service, document, TEXT + "# more")
        analysis = await service.read(document)
        assert analysis is not None
        assert analysis.source.text.endswith("# more")
        await service.run(lambda: order.append("asked"))
        await service.fresh(document)

    _run(scenario)
    assert order == ["checked", "asked", "checked"]


@pytest.mark.parametrize("fails", [False, True])
def test_rubbish_is_collected_after_some_checks(monkeypatch: pytest.MonkeyPatch, fails: bool):
    def failing(_: Unchecked) -> Analysis:
        raise RuntimeError

    collected: list[int] = []
    monkeypatch.setattr(services, "_TIDY_S", 1e6)
    monkeypatch.setattr(services, "_UNTIDY_MAX", 3)
    monkeypatch.setattr(gc, "collect", lambda: collected.append(1))
    if fails:
        monkeypatch.setattr(Unchecked, "check", failing)

    async def scenario(service: Service, document: Document) -> None:
        for number in range(5):
            _type(service, document, TEXT + "#" * number)
            await service.fresh(document)
        await asyncio.sleep(0.05)
        await service.run(lambda: None)

    assert len(_run(scenario)) == (0 if fails else 6)
    assert len(collected) == 2


def test_a_text_that_was_read_is_gone_with_who_holds_it():
    read = Unchecked(Source("main.gm", TEXT), lambda _: None)
    analysis = read.check()
    left = weakref.ref(read)
    gc.disable()
    try:
        del read
        assert left() is None
    finally:
        gc.enable()
    assert analysis.checked is not None
