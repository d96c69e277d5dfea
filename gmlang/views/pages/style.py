"""The style of the page: few colours, which follow the reader's light or dark setting."""

_OWNERS = ("#3f7cac", "#d1742e", "#4f9d5d", "#a25ab0", "#b8952f", "#3aa0a0", "#c4577b", "#7a7fcf")
"""Of owners and rivals: told apart on white and on black, and by most who see fewer colours."""

_COLOURS = """
:root{color-scheme:light dark;--back:#fbfaf7;--card:#ffffff;--text:#23262b;--soft:#6b7078;
--rule:#e4e1da;--blue:#3f7cac;--orange:#d1742e;--red:#cf3f3f;--green:#4f9d5d;--grey:#b9b6ae;
--paper:#f4f2ec;--ink:#23262b}
@media(prefers-color-scheme:dark){:root{--back:#15171a;--card:#1d2024;--text:#e6e4de;
--soft:#9a9fa8;--rule:#32363c;--blue:#6aa5d6;--orange:#e5935a;--red:#ec6a6a;--green:#7cc189;
--grey:#5d6168;--paper:#24272c;--ink:#e6e4de}}
"""

_TEXT = """
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:800px;margin:0 auto;padding:32px 16px 64px}
header p,section>p,.note,small{color:var(--soft)}
h1{font-size:26px;margin:0;letter-spacing:-.01em}
h2{font-size:18px;margin:0}
h3{font-size:14px;margin:16px 0 6px;font-weight:600}
h3 small{font-weight:400}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;
padding:20px 24px;margin:20px 0}
section>p{margin:2px 0 14px;font-size:14px}
header p{margin:2px 0 0}
.note{font-size:12.5px;margin:4px 0 0}
ul{margin:8px 0 0;padding-left:18px;color:var(--soft);font-size:14px}
li{margin:4px 0}
li b{color:var(--text);font-weight:600}
code,pre{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{margin:6px 0;overflow-x:auto}
"""

_LAYOUT = """
svg{max-width:100%;height:auto;display:block;overflow:visible}
svg.picture{border-radius:4px;shape-rendering:crispEdges}
svg.key{display:inline}
.note span{margin-right:12px}
.row{display:flex;flex-wrap:wrap;gap:18px;align-items:flex-end;margin-top:12px}
figure{margin:0;min-width:84px;max-width:100%}
figcaption{color:var(--soft);font-size:12px;margin-top:4px;max-width:220px}
figcaption code{font-size:12px;overflow-wrap:anywhere}
.answer{border-top:1px solid var(--rule);padding:10px 0}
.answer:first-child{border-top:0;padding-top:0}
.answer .answer{margin-left:14px}
.status{float:right;font-size:12px;padding:1px 9px;border-radius:9px;color:var(--soft);
border:1px solid var(--rule)}
.status.exact{color:var(--green);border-color:var(--green)}
.status.bounded{color:var(--blue);border-color:var(--blue)}
.status.estimate{color:var(--orange);border-color:var(--orange)}
.status.impossible,.status.error{color:var(--red);border-color:var(--red)}
.toggled input{position:absolute;opacity:0;pointer-events:none}
.toggled label{display:inline-block;font-size:12.5px;padding:2px 10px;margin:0 4px 8px 0;
border:1px solid var(--rule);border-radius:9px;color:var(--soft);cursor:pointer}
.toggled input:checked+label{background:var(--text);border-color:var(--text);color:var(--card)}
.toggled input:focus-visible+label{outline:2px solid var(--blue)}
.toggled .layer{display:none}
"""

_DRAWING = """
text{font-size:13px;fill:var(--text)}
.small,.tick{font-size:11.5px;fill:var(--soft)}
.end{text-anchor:end}.middle{text-anchor:middle}.strong{font-weight:600}
.onbar{fill:var(--text)}
.grid{stroke:var(--rule)}.axis,.zero{stroke:var(--grey)}
.curve{fill:none;stroke-width:2;stroke-linejoin:round}
.score{stroke:var(--blue)}.bound{stroke:var(--orange);stroke-dasharray:6 4}
.entropy{stroke:var(--green)}
.dot{stroke:var(--card);stroke-width:1.5;fill:var(--blue)}
.dot.score{stroke:var(--card)}.dot.against{fill:var(--red)}
.paper{fill:var(--paper)}.ink{fill:var(--ink)}.lane{fill:var(--paper)}
.wrong{fill:var(--red)}.extra{fill:var(--orange);opacity:.45}.faint{opacity:.12}
.for{fill:var(--blue)}.against{fill:var(--red)}
.awake{fill:var(--blue)}.asleep{fill:var(--grey);opacity:.5}
.mark{font-size:10px;text-anchor:middle}
.mark.wake{fill:var(--green)}.mark.probe{fill:var(--orange)}.mark.retire{fill:var(--red)}
.arrow{fill:none;stroke:var(--soft);stroke-width:1.2}
.window{fill:none;stroke:var(--grey);stroke-dasharray:2 2}
.part{fill-opacity:.25;stroke-width:1.5}
.edge{fill:none;stroke:var(--grey)}.lost{stroke:var(--red)}.won{stroke:var(--blue)}
"""


def _owners() -> str:
    rules = [
        f".own{k}{{fill:{colour}}}.part.own{k},.line{k}{{stroke:{colour}}}.name{k}{{fill:{colour}}}"
        for k, colour in enumerate(_OWNERS)
    ]
    layers = [f".toggled .l{k}:checked~svg .layer.l{k}{{display:inline}}" for k in range(4)]
    return "".join((*rules, *layers))


STYLE = "".join((_COLOURS, _TEXT, _LAYOUT, _DRAWING, _owners()))
"""No sign in it means anything to XML."""
