"""ResGCN: many residual layers with softmax aggregation, as in DeeperGCN.

Appendix D.6.2.2 takes the implementation of the UGS paper, which is that of DeeperGCN with these
options: batch normalisation, dropout of 0.5, softmax aggregation of temperature 0.1 without
gradients through the softmax, and one linear layer in each convolution. A mask multiplies the
embedding of the sender before the ReLU of the message. So an arc of mask 0 still sends 10^-7 and
takes its share in the softmax: it does not equal a missing arc. The text of the thesis says width
64, the published program has 128.

The variant ``"layer-norm"`` has layer normalisation, no dropout, temperature 1 and gradients
through the softmax. Weights of arcs multiply the exponentials and the messages, so a weight of 0
equals a missing arc. Versions before 0.3 had only this one.

Source: Appendix D.6.2.2; Li, Xiong, Thabet, Ghanem, DeeperGCN, arXiv:2006.07739; Chen et al., ICML
2021, arXiv:2102.06790.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import dropout, linear
from torch_geometric.nn import DeepGCNLayer, GENConv, Linear

from wis.base.checks import checked_choice, is_number
from wis.errors import OptionError
from wis.models.batch_norm import BatchNormRelu
from wis.models.network import GraphNetwork, Task
from wis.models.operators import Messages
from wis.models.registry import register

VARIANTS = {"deepergcn": (0.1, 0.5), "layer-norm": (1.0, 0.0)}
"""Temperature and dropout of each variant."""


@register("resgcn", summary="ten residual layers with softmax aggregation (DeeperGCN)", depth=10)
class ResGCN(GraphNetwork):
    """A linear encoder, residual layers, normalisation, ReLU and dropout.

    A layer is z = Dropout(ReLU(Norm(x))); x + W (z_i + Σ_j α_ij m_ij) + b, where
    m_ij = ReLU(w_ij z_j) + 10^-7 and α_ij, for each coordinate, is the softmax of t·m_ij over the
    neighbours of i. The first layer has neither residual nor normalisation; its own normalisation
    comes before the output. PyG's layers hold the parameters.

    Args:
        in_dim: Number of features of a vertex.
        out_dim: Number of outputs.
        depth: Number of layers.
        width: Size of the hidden embeddings.
        task: ``"vertex"`` or ``"graph"``.
        variant: ``"deepergcn"`` or ``"layer-norm"``.
        temperature: t, at least 0; 0 is the mean over the neighbours. By default 0.1 or 1.
        dropout: Share of the entries that become zero in training, at least 0 and below 1. By
            default 0.5 or 0.

    Raises:
        OptionError: There is no such variant, or a number is out of range.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        depth: int,
        width: int,
        task: Task = "vertex",
        variant: str = "deepergcn",
        temperature: float | None = None,
        dropout: float | None = None,
    ) -> None:
        super().__init__(in_dim, out_dim, width=width, task=task)
        usual = VARIANTS[checked_choice("variant", variant, VARIANTS)]
        given = (temperature, dropout)
        numbers = [low if one is None else one for one, low in zip(given, usual, strict=True)]
        limits = ("temperature", float("inf"), ""), ("dropout", 1, " and below 1")
        for value, (name, end, more) in zip(numbers, limits, strict=True):
            if not is_number(value) or not 0 <= value < end:
                raise OptionError(f"{name} is {value!r}; expected a number of at least 0{more}")
        self.temperature, self.dropout = map(float, numbers)
        self.has_batch_norm = variant == "deepergcn"
        self.is_random = self.dropout > 0
        self.same_in_evaluation = not (self.has_batch_norm or self.is_random)
        norm = BatchNormRelu if self.has_batch_norm else nn.LayerNorm
        self.encoder = Linear(in_dim, width)
        self.layers = nn.ModuleList(
            DeepGCNLayer(
                GENConv(width, width, aggr="add", num_layers=1, bias=True), norm(width), nn.ReLU()
            )
            for _ in range(depth)
        )

    def embed(self, x: Any, graph: Messages) -> Tensor:
        """Hidden embeddings after the last normalisation."""
        layers: Any = self.layers
        first, *others = layers
        h = graph.project(x, self.encoder.weight) + self.encoder.bias
        h = self._convolution(first, h, graph, is_positive=False)
        for layer in others:
            z = self._normalised(layer, h, graph)
            h = self._convolution(layer, z, graph, is_positive=True).add_(h)
        return self._normalised(first, h, graph)

    def _normalised(self, layer: Any, h: Tensor, graph: Messages) -> Tensor:
        """ReLU of the normalised embeddings, after dropout."""
        if self.has_batch_norm:
            z: Tensor = layer.norm(h, counts=graph.row_counts, dropout=self.dropout)
        else:
            z = layer.norm(h).relu_()
        return dropout(z, self.dropout, self.training and not self.has_batch_norm)

    def _convolution(self, layer: Any, z: Tensor, graph: Messages, *, is_positive: bool) -> Tensor:
        """W (z_i + Σ_j α_ij m_ij) + b; `is_positive` says that z is its own ReLU."""
        if self.has_batch_norm:
            v, own = (z, None) if is_positive else (z.relu(), z)
            total = graph.add_fixed_softmax_mean(v, self.temperature, own)
        else:
            total = z + graph.softmax_mean(z, self.temperature)
        (mix,) = layer.conv.mlp
        return linear(total, mix.weight).add_(mix.bias)
