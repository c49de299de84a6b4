"""The cell graph with messages: cells hear vectors from the hits beside them, not only counts.

`pointcalo.networks.cells` with two graph networks of torch_geometric more (Gilmer et al. 2017,
arXiv:1704.01212). Which cells are lit: hits of earlier turns exchange messages, along edges from
earlier to later turns, and then tell the cells that are decided; so a cell hears of hits two cells
away, and where they lie. Their energies: all hits exchange messages, and then those whose energies
are drawn tell these to the hits beside them. All of it depends on earlier turns only, so that the
likelihood is one pass as before.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import Budget
from pointcalo.networks.cell_field import CellField
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.edges import Cells, Edges
from pointcalo.networks.lit import Lit, Sight
from pointcalo.networks.messages import CellMessages, EdgeMessages
from pointcalo.networks.place import SIZE as PLACE
from pointcalo.networks.seen import SEEN, SEEN_BY_CELLS, Seen, seen_by_cells
from pointcalo.showers import ShowerFrame


class HitVectors(nn.Module):
    """A vector for each hit, from its place, its layer and the hits around it.

    Args:
        width: size W of the layers' contexts.
        vector: size V of the vectors.
        rounds: times that hits hear of the hits beside them.
    """

    def __init__(self, width: int, vector: int, rounds: int) -> None:
        super().__init__()
        self.place = nn.Linear(PLACE, vector)
        self.context = nn.Linear(width, vector, bias=False)
        self.messages = nn.ModuleList(CellMessages(vector) for _ in range(rounds))

    def forward(self, place: Tensor, context: Tensor, hits: Cells, edges: Edges) -> Tensor:
        """Vectors ``[H, V]``, given places ``[H, 21]`` and contexts of layers ``[S L, W]``."""
        hidden = self.place(place) + self.context(context)[hits.segment]
        for messages in self.messages:
            hidden = messages(hidden, None, edges)
        return hidden


class EnergyMessages(EdgeMessages):
    """What hits say of their energies to the hits beside them.

    Args:
        vector: size V of the hits' vectors and of what is heard.
    """

    def __init__(self, vector: int) -> None:
        super().__init__(vector)
        self.energy = nn.Linear(1, vector)

    def forward(self, hidden: Tensor, relative: Tensor, edges: Edges) -> Tensor:
        """Sums ``[H, V]`` over edges from hits with vectors ``[H, V]`` and energies ``[H]``.

        Energies are the excess over threshold in thresholds.
        """
        told = hidden + self.energy(torch.log1p(relative)[:, None])
        return self.heard(told, edges, hidden.shape[0])


class SeenInGraph(Seen):
    """Sums over the lit neighbours of each hit, and what these tell it.

    Args:
        edges: between hits.
        hidden: vectors of the hits, ``[H, V]``.
        energies: what hits say of their energies.
    """

    def __init__(self, edges: Edges, hidden: Tensor, energies: EnergyMessages) -> None:
        super().__init__(edges, hidden.shape[0])
        self.energies, self.hidden, self.heard = energies, hidden, hidden

    def learn(self, edges: Edges, relative: Tensor) -> None:
        """Add the energies of the edges' sources; see `Seen.learn`."""
        super().learn(edges, relative)
        self.heard = self.heard + self.energies(self.hidden, relative, edges)

    def features(self, rows: Tensor | slice) -> Tensor:
        """Of these hits ``[R]``: ``[R, 24 + V]``."""
        return torch.cat([super().features(rows), self.heard[rows]], dim=-1)


class GraphGenerator(CellGenerator):
    """Generator of showers on cells that hear messages from the hits beside them.

    Args:
        geometry: the detector.
        width: size of the hidden layers.
        components: logistics in a mixture.
        vector: size of the hits' vectors, and of what a cell hears.
        rounds: times that messages are passed, the last of them to the cells that are decided.
        settings: see `CellGenerator`.

    Raises:
        ValueError: no round, or as `CellGenerator`.
    """

    def __init__(
        self,
        geometry: Geometry,
        *,
        width: int = 64,
        components: int = 8,
        vector: int = 24,
        rounds: int = 2,
        **settings: int | Sequence[str] | None,
    ) -> None:
        if rounds < 1:
            raise ValueError(f"rounds: got {rounds}; expected 1 or more (none is network=cells)")
        super().__init__(geometry, width=width, components=components, **settings)
        self.occupancy = CellField(SEEN_BY_CELLS + vector, self.widths[0], 1)
        self.energy = CellField(SEEN + vector, width, 3 * components)
        self.lit_hits = HitVectors(self.widths[0], vector, rounds - 1)
        self.to_cells = EdgeMessages(vector)
        self.all_hits = HitVectors(width, vector, rounds - 1)
        self.energies = EnergyMessages(vector)

    def sight(self, frame: ShowerFrame, budget: Budget, context: Tensor) -> Sight:
        """Counts as in `CellGenerator.sight`, and what the hits say."""
        geometry = self.geometry

        def see(lit: Lit, edges: Edges, uv: Tensor) -> Tensor:
            edges = self.visible(edges)
            counts = seen_by_cells(edges.count(uv.shape[0]), uv, self.place)
            hits, earlier = lit.earlier(geometry.num_cells)
            earlier = self.visible(earlier)
            position = geometry.position(hits.cell)[:, :2]
            place = self.place(
                frame.to_frame(position, hits.layer, hits.shower),
                budget.centre[hits.segment],
                geometry.area(hits.cell),
            )
            hidden = self.lit_hits(place, context, hits, earlier)
            return torch.cat([counts, self.to_cells.heard(hidden, edges, uv.shape[0])], dim=-1)

        return see

    def seen(self, hits: Cells, among: Edges, context: Tensor, place: Tensor) -> Seen:
        """Counts and energies as in `CellGenerator.seen`, and what the hits say."""
        among = self.visible(among)
        return SeenInGraph(among, self.all_hits(place, context, hits, among), self.energies)
