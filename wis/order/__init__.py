"""Removal orders: made once, cut many times.

- `wis.order.order`: `RemovalOrder` and its `Provenance`; `wis.order.order_file`: its file;
- `wis.order.protections`: edges that must stay;
- `wis.order.verify`: a certificate that an order is greedy.
"""

from __future__ import annotations

from wis.order.order import Provenance, RemovalOrder

__all__ = ["Provenance", "RemovalOrder"]
