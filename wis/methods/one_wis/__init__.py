"""1-WIS: exact by bit sets or in rounds, in batches, relaxed; and its certificates.

- `levels`, `bitset`, `rounds`: the exact order, level by level;
- `batched`: several edges at a time; `relaxed`, `relaxed_rule`: each within a factor of the best;
- `certificate`, `relaxed_certificate`: whether an order obeys the rule, by other means.
"""
