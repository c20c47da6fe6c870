"""What knows no graph: arrays, amounts, ids, limits of memory, progress, files written whole.

Nothing here imports another part of wis but `wis.errors`.
"""
