"""Removal orders: made once, cut many times.

- `wis.order.order`: `RemovalOrder`; `wis.order.order_file`: its file;
- `wis.order.ranking`: how a method orders edges, and the `Provenance` that records it;
- `wis.order.protections`: edges that must stay;
- `wis.order.verify`: a certificate that an order is greedy.
"""

from __future__ import annotations

from wis.order.order import RemovalOrder
from wis.order.ranking import Provenance

__all__ = ["Provenance", "RemovalOrder"]
