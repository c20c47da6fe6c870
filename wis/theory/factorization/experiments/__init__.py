"""The experiments of Chapters 1 to 3, named by their figure, table or theorem.

Each module runs some experiments and adds them to `wis.theory.experiments`, with a quick size and
the size of the thesis.
"""
