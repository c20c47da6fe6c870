"""The generators of `wis.datasets.generators`, by name."""

from __future__ import annotations

from wis.datasets.generators import (
    barabasi_albert,
    contextual_block_model,
    rmat,
    stochastic_block_model,
)
from wis.datasets.registry import register

SOURCE = "generated"

register(
    "rmat",
    summary="R-MAT: heavy-tailed degrees; 2^scale vertices, `edges` arcs drawn",
    source=SOURCE,
)(rmat)
register(
    "barabasi-albert",
    summary="preferential attachment; (n - degree) · degree edges",
    source=SOURCE,
)(barabasi_albert)
register("sbm", summary="stochastic block model: planted communities, labels y", source=SOURCE)(
    stochastic_block_model
)
register(
    "csbm",
    summary="contextual block model: two communities, noisy features x, labels y, masks",
    source=SOURCE,
)(contextual_block_model)
