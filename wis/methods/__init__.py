"""The table of methods: how to order the edges of a graph for removal.

A method is a plain function of one signature, `OrderMethod`: a graph and a count in, edge ids out,
best first. A registered function can be called from Python, the transforms and the command
line, and to be enrolled in the contract tests. Its keyword-only parameters beyond those of the
signature are its options.
"""

from wis.methods.registry import Method, OrderMethod, available_methods, get_method, register

__all__ = ["Method", "OrderMethod", "available_methods", "get_method", "register"]
