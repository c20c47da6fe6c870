"""Small files in the style of the programs that write them; the contents are made up here.

Each value is the ending, the text, and the edges that the file holds: (source, target, whether it
goes one way), by the names that wis gives the vertices.
"""

TWO, ONE = False, True  # directions

GEPHI_13 = """<?xml version='1.0' encoding='UTF-8'?>
<gexf xmlns="http://gexf.net/1.3" version="1.3" xmlns:viz="http://gexf.net/1.3/viz" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://gexf.net/1.3 http://gexf.net/1.3/gexf.xsd">
  <meta lastmodifieddate="2024-03-01"><creator>Gephi 0.10.1</creator><title></title></meta>
  <graph defaultedgetype="undirected" mode="static">
    <attributes class="node" mode="static">
      <attribute id="modularity_class" title="Modularity Class" type="integer">
        <default>0</default>
      </attribute>
      <attribute id="town" title="town" type="string"/>
    </attributes>
    <attributes class="edge" mode="static">
      <attribute id="since" title="since" type="long"/>
    </attributes>
    <nodes count="4">
      <node id="11" label="Müller &amp; Söhne">
        <attvalues><attvalue for="modularity_class" value="2"/></attvalues>
        <viz:size value="10.0"></viz:size>
        <viz:position x="-12.5" y="3.25"></viz:position>
        <viz:color r="153" g="0" b="51"></viz:color>
      </node>
      <node id="12" label="Ohm">
        <attvalues><attvalue for="town" value="Erlangen"/></attvalues>
      </node>
      <node id="13" label="Ohm"/>
      <node id="14" label="alone"/>
    </nodes>
    <edges count="3">
      <edge id="0" source="11" target="12" weight="2.5">
        <attvalues><attvalue for="since" value="1709251200000"/></attvalues>
      </edge>
      <edge id="1" source="12" target="13"/>
      <edge id="7" source="11" target="13" label="kin" weight="0.5"></edge>
    </edges>
  </graph>
</gexf>
"""

GEPHI_12 = """<?xml version="1.0" encoding="UTF-8"?>
<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">
  <meta><creator>Gephi 0.9</creator></meta>
  <graph defaultedgetype="directed">
    <nodes>
      <node id="a" label="Ann"/><node id="b" label="Bob"/><node id="c" label="Cy"/>
    </nodes>
    <edges>
      <edge id="0" source="a" target="b" weight="3.0"/>
      <edge id="1" source="b" target="a" weight="1.0"/>
      <edge id="2" source="b" target="c" type="undirected" weight="2.0"/>
    </edges>
  </graph>
</gexf>
"""

GEXF_DYNAMIC = """<?xml version="1.0" encoding="UTF-8"?>
<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">
  <graph mode="dynamic" timeformat="date" defaultedgetype="undirected">
    <attributes class="node" mode="dynamic">
      <attribute id="r" title="rank" type="float"/>
    </attributes>
    <nodes>
      <node id="0" label="p" start="2009-03-01">
        <attvalues>
          <attvalue for="r" value="1.5" start="2009-03-01" end="2009-03-10"/>
          <attvalue for="r" value="2.5" start="2009-03-10"/>
        </attvalues>
      </node>
      <node id="1" label="q"><spells><spell start="2009-01-01" end="2009-02-01"/></spells></node>
      <node id="2" label="r"/>
    </nodes>
    <edges>
      <edge id="0" source="0" target="1" start="2009-03-01"/>
      <edge id="1" source="1" target="2"><spells><spell end="2009-05-01"/></spells></edge>
      <edge id="2" source="0" target="1" start="2009-06-01"/>
    </edges>
  </graph>
</gexf>
"""

GEXF_11 = """<?xml version="1.0"?>
<gexf xmlns="http://www.gexf.net/1.1draft" version="1.1">
  <graph defaultedgetype="directed" idtype="string" type="static">
    <attributes class="node" type="static">
      <attribute id="0" title="hot" type="boolean"><default>false</default></attribute>
    </attributes>
    <nodes>
      <node id="x" label="x"><attvalues><attvalue id="0" value="true"/></attvalues></node>
      <node id="y" label="y"/>
      <node id="z" label="z"/>
    </nodes>
    <edges>
      <edge id="0" source="x" target="y"/>
      <edge id="1" source="y" target="z"/>
    </edges>
  </graph>
</gexf>
"""

YED = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" \
xmlns:y="http://www.yworks.com/xml/graphml" xmlns:yed="http://www.yworks.com/xml/yed/3">
  <!--Created by yEd 3.21-->
  <key attr.name="Description" attr.type="string" for="graph" id="d0"/>
  <key for="port" id="d1" yfiles.type="portgraphics"/>
  <key attr.name="url" attr.type="string" for="node" id="d4"/>
  <key for="node" id="d6" yfiles.type="nodegraphics"/>
  <key for="graphml" id="d7" yfiles.type="resources"/>
  <key attr.name="url" attr.type="string" for="edge" id="d8"/>
  <key for="edge" id="d10" yfiles.type="edgegraphics"/>
  <graph edgedefault="directed" id="G">
    <data key="d0"/>
    <node id="n0">
      <data key="d6">
        <y:ShapeNode>
          <y:Geometry height="30.0" width="30.0" x="355.0" y="165.0"/>
          <y:Fill color="#FFCC00" transparent="false"/>
          <y:NodeLabel alignment="center">Start<y:LabelModel><y:SmartNodeLabelModel/>\
</y:LabelModel></y:NodeLabel>
          <y:Shape type="rectangle"/>
        </y:ShapeNode>
      </data>
    </node>
    <node id="n1">
      <data key="d4"><![CDATA[https://example.org/?a=1&b=2]]></data>
      <data key="d6"><y:ShapeNode><y:NodeLabel>Ende</y:NodeLabel></y:ShapeNode></data>
    </node>
    <node id="n2"><data key="d6"><y:ShapeNode/></data></node>
    <edge id="e0" source="n0" target="n1">
      <data key="d10">
        <y:PolyLineEdge><y:LineStyle color="#000000"/><y:EdgeLabel>ja</y:EdgeLabel></y:PolyLineEdge>
      </data>
    </edge>
    <edge id="e1" source="n1" target="n2"/>
  </graph>
  <data key="d7"><y:Resources/></data>
</graphml>
"""

IGRAPH_GRAPHML = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns"
         xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
         xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns
         http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
<!-- Created by igraph -->
  <key id="g_title" for="graph" attr.name="title" attr.type="string"/>
  <key id="v_name" for="node" attr.name="name" attr.type="string"/>
  <key id="v_age" for="node" attr.name="age" attr.type="double"/>
  <key id="v_member" for="node" attr.name="member" attr.type="boolean"/>
  <key id="e_weight" for="edge" attr.name="weight" attr.type="double"/>
  <graph id="G" edgedefault="undirected">
    <data key="g_title">Club</data>
    <node id="n0">
      <data key="v_name">Ann</data>
      <data key="v_age">31</data>
      <data key="v_member">true</data>
    </node>
    <node id="n1">
      <data key="v_name">Bob</data>
      <data key="v_age">NaN</data>
      <data key="v_member">false</data>
    </node>
    <node id="n2">
      <data key="v_name">Çelik</data>
      <data key="v_age">1e-05</data>
      <data key="v_member">true</data>
    </node>
    <edge source="n0" target="n1">
      <data key="e_weight">0.10000000000000001</data>
    </edge>
    <edge source="n1" target="n2">
      <data key="e_weight">2</data>
    </edge>
    <edge source="n2" target="n2">
      <data key="e_weight">7</data>
    </edge>
  </graph>
</graphml>
"""

MIXED = """<?xml version="1.0" encoding="ISO-8859-1"?>
<graphml>
  <key id="k0" for="edge" attr.name="cost" attr.type="int"><default>1</default></key>
  <graph edgedefault="undirected" parse.nodes="3" parse.edges="4" parse.order="free">
    <edge id="a" source="Köln" target="Bonn" directed="true"/>
    <edge id="b" source="Bonn" target="Köln" directed="true"><data key="k0">9</data></edge>
    <node id="Köln"/><node id="Bonn"/><node id="Aachen"/>
    <edge id="c" source="Bonn" target="Aachen"/>
    <edge id="d" source="Bonn" target="Aachen"/>
  </graph>
</graphml>
"""

NETWORKX_MULTI = """<?xml version='1.0' encoding='utf-8'?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><key id="d1" for="edge" attr.name="w" \
attr.type="long" /><key id="d0" for="node" attr.name="big" attr.type="long" />
<graph edgedefault="directed"><node id="0"><data key="d0">9007199254740993</data></node>
<node id="1" /><node id="2" />
<edge source="0" target="1" id="0"><data key="d1">5</data></edge>
<edge source="0" target="1" id="1" />
<edge source="2" target="2" id="0" />
</graph></graphml>"""

NEWMAN = """Creator "made by hand on Sat Jul 22 05:32:16 2006"
graph
[
  directed 0
  node
  [
    id 1
    label "Beak"
  ]
  node
  [
    id 2
    label "Beescratch"
  ]
  node
  [
    id 4
    label "Zig &amp; Zag &#233;"
    value "n"
  ]
  edge
  [
    source 2
    target 1
    value 1289241911000
  ]
  edge
  [
    source 4
    target 1
    value 3
  ]
]
"""

POLITICAL = """# weblogs, links in both directions and twice
graph [
  directed 1
  node [ id 1 label "" value 0 ]
  node [ id 2 label "" value 1 ]
  node [ id 3 label "c" value 1 ]
  edge [ source 1 target 2 ]
  edge [ source 1 target 2 ]
  edge [ source 2 target 1 ]
  edge [ source 3 target 3 ]
]
"""

YED_GML = """Creator\t"yFiles"
Version\t"2.17"
graph
[
\thierarchic\t1
\tlabel\t""
\tdirected\t1
\tnode
\t[
\t\tid\t0
\t\tlabel\t"1"
\t\tgraphics
\t\t[
\t\t\tx\t-24.5
\t\t\ty\t15.0
\t\t\ttype\t"rectangle"
\t\t]
\t\tLabelGraphics
\t\t[
\t\t\ttext\t"1"
\t\t]
\t]
\tnode
\t[
\t\tid\t1
\t\tlabel\t"2"
\t\ttag\t"u"
\t\ttag\t"v"
\t]
\tedge
\t[
\t\tsource\t0
\t\ttarget\t1
\t\tgraphics
\t\t[
\t\t\tfill\t"#000000"
\t\t\tLine
\t\t\t[
\t\t\t\tpoint
\t\t\t\t[
\t\t\t\t\tx\t1.0
\t\t\t\t\ty\t2.0
\t\t\t\t]
\t\t\t]
\t\t]
\t]
\tedge
\t[
\t\tsource\t1
\t\ttarget\t1
\t]
]
"""

CYTOSCAPE_GML = """Creator "Cytoscape"
Version 1.0
graph [
  node [
    root_index -3
    id -3
    graphics [ x -12.0 y 4.0 w 40.0 h 40.0 fill "#ff9999" type "ellipse" ]
    label "YKR026C"
    score -1.5E-7
  ]
  node [
    root_index -2
    id -2
    label "YGL122C"
    score +INF
  ]
  node [ root_index -1 id -1 label "YAL038W" score .5 ]
  edge [ root_index -2 target -3 source -2 label "pp" weight 1.0 ]
  edge [ root_index -1 target -1 source -2 label "pd" weight 2 ]
]
"""

PAJEK = """*Network made up
*Vertices 5
1 "Ana Mar\u00eda" 0.1000 0.2000 0.5000 ic Red bc Black
3 "C"              0.3000 0.1000 0.5000
2 "B" 0.9 0.8 0.5 box
4 Dora 0.5 0.5 0.5
5 "E" 0.25 0.75 0.5
% arcs point, edges do not
*Arcs :1 "advises"
1 2 3 c Blue
2 1 1
*Edges
2 3 2.5 l "both ways"
3 4
*Arcslist
5 1 2 3
"""

PAJEK_MATRIX = """*vertices 3\r
*matrix\r
0 1.5 0\r
0 0 2\r
1 0 -3\r
"""

NETWORKX_JSON = """{
  "directed": false, "multigraph": false, "graph": {"name": "tiny"},
  "nodes": [{"club": "red", "age": 3, "id": 0}, {"club": "blue", "tags": ["a", "b"], "id": 1},
            {"club": null, "id": 2}],
  "links": [{"weight": 1.50, "source": 0, "target": 1},
            {"weight": 12345678901234567890, "ok": true, "source": 1, "target": 2} ,
   {"source": 2, "target": 0}
  ]
}
"""

D3 = """{"nodes":[{"name":"Myriel","group":1},{"name":"Napoleon","group":1},{"name":"Valjean",
"group":2}],"links":[{"source":1,"target":0,"value":1},{"source":2,"target":0,"value":8}]}"""

SUITESPARSE = """%%MatrixMarket matrix coordinate pattern symmetric
%-------------------------------------------------------------------------------
% UF Sparse Matrix Collection, in its style
% name: Made/up
%-------------------------------------------------------------------------------
5 5 5
2 1
3 1
3 3
4 3
5 4
"""

MTX_INTEGER = """%%MatrixMarket matrix coordinate integer general\r
% counts\r
\r
4 4 4\r
1 2 9007199254740993\r
  2 1 +4\r
% between\r
3 4 -5\r
4 3 0\r
"""

MTX_SKEW = "%%MatrixMarket matrix coordinate real skew-symmetric\n3 3 2\n2 1 1.50\n3 1 2d0"

METIS = "%% KaHIP\n5 5 011\n1  2 7 3 1\n2 1 7  3 4\n3 1 1 2 4 4 9\n% four\n4 3 9 5 2\n5 4 2\n"

FILES = {
    "Gephi, GEXF 1.3": (
        ".gexf", GEPHI_13,
        [("11", "12", TWO), ("12", "13", TWO), ("11", "13", TWO)],
    ),
    "Gephi, GEXF 1.2": (
        ".gexf", GEPHI_12, [("a", "b", ONE), ("b", "a", ONE), ("b", "c", TWO)]
    ),
    "dynamic GEXF": (
        ".gexf", GEXF_DYNAMIC, [("0", "1", TWO), ("1", "2", TWO), ("0", "1", TWO)]
    ),
    "GEXF 1.1": (".gexf", GEXF_11, [("x", "y", ONE), ("y", "z", ONE)]),
    "yEd, GraphML": (".graphml", YED, [("n0", "n1", ONE), ("n1", "n2", ONE)]),
    "igraph, GraphML": (
        ".graphml", IGRAPH_GRAPHML, [("n0", "n1", TWO), ("n1", "n2", TWO), ("n2", "n2", TWO)]
    ),
    "mixed GraphML": (
        ".graphml", MIXED,
        [("Köln", "Bonn", ONE), ("Bonn", "Köln", ONE), ("Bonn", "Aachen", TWO),
         ("Bonn", "Aachen", TWO)],
    ),
    "networkx, GraphML": (
        ".graphml", NETWORKX_MULTI, [("0", "1", ONE), ("0", "1", ONE), ("2", "2", ONE)]
    ),
    "Newman, GML": (
        ".gml", NEWMAN, [("Beescratch", "Beak", TWO), ("Zig & Zag é", "Beak", TWO)]
    ),
    "political GML": (
        ".gml", POLITICAL, [("1", "2", ONE), ("1", "2", ONE), ("2", "1", ONE), ("3", "3", ONE)]
    ),
    "yEd, GML": (".gml", YED_GML, [("1", "2", ONE), ("2", "2", ONE)]),
    "Cytoscape, GML": (
        ".gml", CYTOSCAPE_GML, [("YGL122C", "YKR026C", TWO), ("YGL122C", "YAL038W", TWO)]
    ),
    "Pajek": (
        ".net", PAJEK,
        [("Ana María", "B", ONE), ("B", "Ana María", ONE), ("B", "C", TWO), ("C", "Dora", TWO),
         ("E", "Ana María", ONE), ("E", "B", ONE), ("E", "C", ONE)],
    ),
    "Pajek, matrix": (
        ".net", PAJEK_MATRIX, [("0", "1", ONE), ("1", "2", ONE), ("2", "0", ONE), ("2", "2", ONE)]
    ),
    "networkx, JSON": (
        ".json", NETWORKX_JSON, [("0", "1", TWO), ("1", "2", TWO), ("2", "0", TWO)]
    ),
    "D3, JSON": (
        ".json", D3, [("Napoleon", "Myriel", TWO), ("Valjean", "Myriel", TWO)]
    ),
    "SuiteSparse": (
        ".mtx", SUITESPARSE,
        [("1", "0", TWO), ("2", "0", TWO), ("2", "2", TWO), ("3", "2", TWO), ("4", "3", TWO)],
    ),
    "integer matrix": (
        ".mtx", MTX_INTEGER, [("0", "1", ONE), ("1", "0", ONE), ("2", "3", ONE), ("3", "2", ONE)]
    ),
    "skew matrix": (".mtx", MTX_SKEW, [("1", "0", TWO), ("2", "0", TWO)]),
    "KaHIP": (
        ".graph", METIS,
        [("0", "1", TWO), ("0", "2", TWO), ("1", "2", TWO), ("2", "3", TWO), ("3", "4", TWO)],
    ),
}  # fmt: skip


def raw(name):
    """The bytes of a file, in the encoding that it names."""
    return FILES[name][1].encode("latin-1" if "ISO-8859-1" in FILES[name][1] else "utf-8")
