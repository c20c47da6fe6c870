"""
Your own files
==============

``wis`` reads and writes edge lists, tables and the formats of common graph programs. A file
that was only cut keeps its columns, names and spelling.
"""

from pathlib import Path

import wis
from wis.io import formats, read_graph, write_graph
from wis.show import plot_sparsification

# %%
# An edge list with names and two more columns:

Path("friends.csv").write_text(
    """\
who,whom,since,how
Ada,Bela,2019,work
Ada,Cem,2020,school
Ada,Dora,2021,work
Bela,Cem,2018,sport
Bela,Dora,2022,school
Cem,Dora,2017,work
Dora,Emil,2020,sport
""",
    encoding="utf-8",
)

# %%
# ``read_graph`` gives the PyG data together with everything that is needed to write the file
# back. What it had to guess is in ``notes``; the keywords ``source``, ``target``, ``header`` and
# ``delimiter`` say it instead.

file = read_graph("friends.csv", source="who", target="whom")
print(file.data)
print(file.vertex_names)

# %%
# Cut the data and write the file: the lines that are left, word for word.

sparse = wis.sparsify(file.data, remove=3)
write_graph(file.with_data(sparse), "friends-sparse.csv", force=True)
print(Path("friends-sparse.csv").read_text(encoding="utf-8"))
plot_sparsification(file.data, sparse, "friends.png", title="friends.csv, 3 edges removed")

# %%
# The same on the command line is ``wis sparsify friends.csv --source who --target whom --remove 3
# -o friends-sparse.csv``.
#
# Another ending converts: the same graph as GraphML, which Gephi, yEd and igraph read.

write_graph(file.with_data(sparse), "friends-sparse.graphml", force=True)
print(Path("friends-sparse.graphml").read_text(encoding="utf-8")[:400], "...")

# %%
# These endings are known:

print(", ".join(formats()))
