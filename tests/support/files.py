"""One small file of each format that models of other tools are read from."""

XMLBIF = """<?xml version="1.0"?>
<!DOCTYPE BIF [ <!ELEMENT BIF (NETWORK)*> ]>
<BIF VERSION="0.3"><NETWORK><NAME>lawn</NAME>
<VARIABLE TYPE="nature"><NAME>rain</NAME><OUTCOME>no</OUTCOME><OUTCOME>yes</OUTCOME></VARIABLE>
<VARIABLE TYPE="nature"><NAME>wet</NAME>
  <OUTCOME>dry</OUTCOME><OUTCOME>damp</OUTCOME><OUTCOME>&gt;50%</OUTCOME></VARIABLE>
<DEFINITION><FOR>rain</FOR><TABLE>0.8 0.2</TABLE></DEFINITION>
<DEFINITION><FOR>wet</FOR><GIVEN>rain</GIVEN><TABLE>
  0.7 0.2 0.1 <!-- no -->
  0.1 0.2 0.7
</TABLE></DEFINITION>
</NETWORK></BIF>
"""
NET = """% made by hand
net { node_size = (80 40); name = lawn; }
node rain { label = "Rain today"; position = (1 2); states = ("no" "yes"); }
discrete node wet { states = ("dry" "damp" ">50%"); }
potential (rain) { data = (0.8 0.2); }
potential (wet | rain)
{
    data = (( 0.7 0.2 0.1 )  % rain=no
            ( 0.1 0.2 0.7 )); % rain=yes
}
"""
DSC = """belief network "lawn"
node rain { name : "Rain today"; type : discrete[2] = { "no", "yes" }; position : (1, 2); }
node wet { type : discrete[3] = { "dry", "damp", ">50%" }; }
probability (rain) { 0.8, 0.2; }
probability (wet | rain) { (0) : 0.7, 0.2, 0.1; (1) : 0.1, 0.2, 0.7; }
"""
XDSL = """<?xml version="1.0" encoding="ISO-8859-1"?>
<smile version="1.0" id="lawn"><nodes>
<cpt id="rain"><state id="no"/><state id="yes"/><probabilities>0.8 0.2</probabilities></cpt>
<cpt id="wet"><state id="dry"/><state id="damp"/><state id="much"/><parents>rain</parents>
  <probabilities>0.7 0.2 0.1
  0.1 0.2 0.7</probabilities></cpt>
<deterministic id="ok"><state id="a"/><state id="b"/><parents>wet</parents>
  <resultingstates>a a b</resultingstates></deterministic>
<noisymax id="n"><state id="x"/><state id="y"/><parents>rain</parents>
  <strengths>1 0</strengths><parameters>0.4 0.6 0 1 0.1 0.9</parameters></noisymax>
</nodes></smile>
"""
WCSP = """pair 3 3 4 100
2 3 2
1 0 0 1
1 7
2 0 1 5 2
0 0 0
1 2 100
-2 0 2 0 1
1 1 3
3 0 1 2 -1 wsum lin 4 <= 2
"""
CFN = """{ "problem": { "name": "pair", "mustbe": "<100.00" },
# states may have names
"variables": { "hat": ["red", "blue"], "coat": 3 },
"functions": {
  "a": { "scope": ["hat"], "costs": [0, -1.25] },
  "b": { "scope": ["hat", "coat"], "defaultcost": 2.5,
         "costs": ["red", 0, 0.5, "blue", 2, 102] } } }
"""
FG = """# two variables
2

1
0
2
2
0 0.4
1 0.6

2
0 3
2 3
4
0 0.5
1 1
4 2.0
5 0.25
"""
ALIST = """4 2
2 3
1 2 1 1
3 2
1 0
1 2
2 0
1 0
1 2 4
2 3 0
"""
FILES = {
    "xmlbif": XMLBIF,
    "net": NET,
    "dsc": DSC,
    "xdsl": XDSL,
    "wcsp": WCSP,
    "cfn": CFN,
    "fg": FG,
    "alist": ALIST,
}
"""By the ending of their names."""
