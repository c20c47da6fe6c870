"""The baselines that 1-WIS and WIS are compared with.

Each is a function ``(graph, *, count, seed, progress, **options)``, as
`wis.methods.registry.OrderMethod` describes, and each takes an undirected graph; ``random`` takes a
directed one, too. The order is an int64 tensor of shape [count] on the graph's device; a shorter
one is the beginning of the whole one. Docstrings name only the options of the method's own. Where
they do not say otherwise, `seed` is that of the shuffle in which edges of equal score go
(`wis.methods.baselines.ranking`).
"""
