"""The cell-graph generator: lights cells of the detector and shares the energy among them.

The cells of a shower are decided in turns (`edges.py`), so that a cell sees which of the cells
beside it, in its own and in the adjacent layers, are already lit. Within a turn cells are
independent given what they see: per-cell Bernoulli factors, conditional on how many hits the layer
has left to give. That is a *composite* likelihood of the occupancy: the exact one, the conditional
Bernoulli given N, would tie the cells of a turn together. Sampling minds that tie (`deciding.py`)
and lights exactly N cells.

Then, in the same turns, the energies of the lit cells: for the excess over threshold a mixture of
logistics in the coordinate of the training hits' spectrum (`spectrum.py`), given place, context,
lit neighbours and the energies of those already drawn. The hits of a turn are drawn several times
and one draw is kept: by the odds of its sum (`turn_share.py`), in a layer's last turn the one whose
sum is nearest to what is left. What is still missing is a common factor on the layer's
excess, so that it sums to the profile.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointcalo.geometry import Geometry
from pointcalo.networks.budget import EPS, Budget
from pointcalo.networks.candidates import Beyond, Pool
from pointcalo.networks.cell_field import CellField
from pointcalo.networks.cell_hits import CellHits
from pointcalo.networks.cell_likelihood import energy_terms, occupancy_terms
from pointcalo.networks.context import LayerContext
from pointcalo.networks.deciding import TurnNumber
from pointcalo.networks.delay import Delay
from pointcalo.networks.edges import SECOND, Cells, Edges, edges_beside
from pointcalo.networks.energy_turns import draw_excess
from pointcalo.networks.following import followed
from pointcalo.networks.lighting import Lighting
from pointcalo.networks.lit import Lit, Sight
from pointcalo.networks.order import outwards
from pointcalo.networks.outlook import Outlook
from pointcalo.networks.place import SIZE as PLACE
from pointcalo.networks.place import Place
from pointcalo.networks.profile import Profile
from pointcalo.networks.seen import SEEN, SEEN_BY_CELLS, Seen, seen_by_cells
from pointcalo.networks.spectrum import Spectrum
from pointcalo.networks.turn_share import TurnShare
from pointcalo.nn.mixture import mixture_log_prob, mixture_sample
from pointcalo.nn.mlp import mlp
from pointcalo.showers import Incident, ShowerFrame, Showers, ptr_from_counts
from pointcalo.showers.noise import Noise

TIME_STREAM = 16  # noise streams used: 16 and 17
SEES = ("layer", "adjacent")
SMALLEST_NEAR = 24  # below, the tiers of candidates would overlap


class CellGenerator(nn.Module):
    """Generator of showers on cells, given their profile.

    Args:
        geometry: the detector.
        latent: size Z of the latent vector.
        width: size of the hidden layers.
        occupancy_width: of those that decide which cells are lit, most of the work; None: `width`.
        components: logistics in a mixture.
        near: cells around the axis of each layer that are always candidates.
        proposals: draws of the energies of a turn, of which one is kept.
        sees: which neighbours cells and hits see: those of their own layer, of the adjacent ones.
        conditions: names of the extra columns of incident particles that it depends on.

    Raises:
        ValueError: too few cells near the axis, or other neighbours.
    """

    num_outside: int = 0  # it lights cells: no point lies outside them

    def __init__(
        self,
        geometry: Geometry,
        *,
        latent: int = 8,
        width: int = 64,
        occupancy_width: int | None = None,
        components: int = 8,
        near: int = 61,
        proposals: int = 8,
        sees: Sequence[str] = SEES,
        conditions: Sequence[str] = (),
    ) -> None:
        if near < SMALLEST_NEAR:
            raise ValueError(f"near: got {near}; expected at least {SMALLEST_NEAR} cells")
        if not set(sees) <= set(SEES):
            raise ValueError(f"network.sees: got {list(sees)}; expected some of {list(SEES)}")
        super().__init__()
        self.geometry = geometry
        self.sees = tuple(sees)
        self.latent = latent
        self.near = near
        self.proposals = proposals
        self.place = Place()
        self.conditions = tuple(conditions)
        self.widths = occupancy_width or width, width
        self.context = LayerContext(
            geometry, width=sum(self.widths), latent=latent, conditions=conditions
        )
        self.occupancy = CellField(SEEN_BY_CELLS, self.widths[0], 1)
        self.number = TurnNumber()
        self.energy = CellField(SEEN, width, 3 * components)
        self.spectrum = Spectrum()
        self.share = TurnShare()
        self.time = mlp([PLACE + 2 + width, width, 3 * components])
        self.delay = Delay(geometry)

    def fit(self, showers: Showers) -> None:
        """Fit the buffers of normalisation to training showers."""
        self.place.fit(showers, self.geometry)
        self.context.fit(showers)
        self.delay.fit(showers)
        threshold = self.geometry.layer_threshold[showers.layer]
        self.spectrum.fit((showers.energy - threshold) / threshold)

    def log_prob(
        self, showers: Showers, latent: Tensor, noise: Noise, mirror: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Log likelihood of showers on cells, given their profile.

        Args:
            showers: S showers above threshold, with cells.
            latent: ``[S, Z]``.
            noise: keys that choose the dark far cells that are looked at.
            mirror: signs ``[S]`` of the coordinate across the tilt, to train on mirrored showers.

        Returns:
            ``occupancy`` (composite, up to a constant), ``number`` of the hits of turns, ``energy``
            of the hits, ``share`` of turns in the energy, and ``time``, each ``[S]``.
        """
        geometry = self.geometry
        frame = ShowerFrame(showers.incident, geometry.layer_z, mirror)
        profile = Profile.of(showers, geometry, mirror)
        contexts = self.contexts(showers.incident, profile, latent)
        budget = Budget(geometry, profile)
        order, *about_axis = outwards(geometry, frame, budget)
        pool = Pool(geometry, frame, profile.counts, order, noise, near=self.near)
        hits = Cells.of(geometry, showers.index, showers.cell, order)
        edges = edges_beside(geometry, frame, hits)
        threshold = geometry.layer_threshold[showers.layer]
        relative = (showers.energy - threshold) / threshold
        uv = pool.uv(hits)
        place = self.place(uv, budget.centre[hits.segment], geometry.area(hits.cell))
        time = mixture_log_prob(
            self.time_parameters(place, relative, contexts[1][hits.segment]),
            self.delay(showers),
        )
        zero = torch.zeros(len(showers), device=latent.device)
        energy, share = energy_terms(
            self, hits, edges, uv, budget, contexts[1], place, relative, noise
        )
        outlook = self.outlook_on(*about_axis, budget)
        occupancy, number = occupancy_terms(self, pool, hits, edges, budget, outlook, contexts[0])
        return {
            "occupancy": occupancy,
            "number": number,
            "energy": energy,
            "share": share,
            "time": zero.index_add(0, showers.index, time),
        }

    def energy_parameters(
        self,
        hits: Cells,
        among: Edges,
        uv: Tensor,
        budget: Budget,
        context: Tensor,
        place: Tensor,
        relative: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mixtures of the hits' energies ``[H, 3K]``; hits and excess energy left ``[Q, K]``."""
        threshold = budget.threshold[hits.segment]
        left, excess_left = budget.true_left(hits.segment, hits.step, relative * threshold)
        ahead = among.where(hits.turn[among.source] < hits.turn[among.target])
        outlook = self.outlook_on(hits, uv, budget)
        outlook.add_edges(ahead, hits[ahead.target], torch.log1p(relative[ahead.source]))
        brief = budget.true_briefs(left, excess_left, outlook.features())
        layer = self.energy.layer(context[:, None], brief).flatten(0, 1)
        row = hits.segment * budget.num_colours + hits.step
        seen = self.seen(hits, among, context, place)
        seen.learn(ahead, relative)
        return self.energy(layer[row], place, seen.features(slice(None))), left, excess_left

    def imitated(
        self, latent: Tensor, incident: Incident, profile: Profile, noise: Noise
    ) -> CellHits:
        """New showers as a critic sees them, with gradients where these are on; see a call."""
        showers = self(latent, incident, profile, noise)
        if torch.is_grad_enabled():
            return followed(self, showers, latent, profile)
        return self.real(showers)

    def real(self, showers: Showers) -> CellHits:
        """Showers above threshold, with cells, as a critic sees them."""
        return CellHits.of(showers, self.geometry, self.delay)

    def sight(self, frame: ShowerFrame, budget: Budget, context: Tensor) -> Sight:
        """What cells see of the hits beside them that are lit so far.

        Args:
            frame: of S showers.
            budget: of their layers.
            context: of occupancy, ``[S L, W]``.
        """

        def see(lit: Lit, edges: Edges, uv: Tensor) -> Tensor:
            return seen_by_cells(self.visible(edges).count(uv.shape[0]), uv, self.place)

        return see

    def seen(self, hits: Cells, among: Edges, context: Tensor, place: Tensor) -> Seen:
        """What hits see of those beside them, whose energies are not known yet.

        Args:
            hits: H of them.
            among: edges between them.
            context: of energy, ``[S L, W]``.
            place: of the hits, ``[H, 21]``.
        """
        return Seen(self.visible(among), hits.cell.shape[0])

    def outlook_on(self, cells: Cells, uv: Tensor, budget: Budget) -> Outlook:
        """The outlook on cells, or on hits before any energy is drawn."""
        outlook = Outlook(budget, adjacent="adjacent" in self.sees)
        outlook.add_places(cells, uv, self.geometry.area(cells.cell), self.place.radius)
        return outlook

    def visible(self, edges: Edges) -> Edges:
        """The edges along which this generator looks."""
        if len(self.sees) == len(SEES):
            return edges
        own = (edges.kind == 0) | (edges.kind == SECOND)
        return edges.where(own & ("layer" in self.sees) | ~own & ("adjacent" in self.sees))

    @torch.no_grad()
    def forward(
        self,
        latent: Tensor,
        incident: Incident,
        profile: Profile,
        noise: Noise,
        beyond: Beyond | None = None,
    ) -> Showers:
        """Showers on cells with exactly this profile.

        Args:
            latent: ``[S, Z]``.
            incident: S particles.
            profile: hits and energy of each layer.
            noise: keys of the S showers.
            beyond: on an extended detector, which cells were added and where they count.

        Returns:
            Cells in rising order; the energies of each layer sum to the profile's to float
            precision.

        Raises:
            ValueError: a layer with fewer cells within reach than the profile has hits.
        """
        geometry = self.geometry
        frame = ShowerFrame(incident, geometry.layer_z)
        contexts = self.contexts(incident, profile, latent)
        budget = Budget(geometry, profile)
        order, *about_axis = outwards(geometry, frame, budget)
        pool = Pool(geometry, frame, profile.counts, order, noise, near=self.near, beyond=beyond)
        lighting = Lighting(
            self.occupancy,
            self.number,
            self.place,
            pool,
            budget,
            contexts[0],
            self.sight(frame, budget, contexts[0]),
            self.outlook_on(*about_axis, budget),
            noise,
        )
        hits, edges = lighting.hits()
        layer, cell = hits.layer, hits.cell
        budget = Budget(geometry, profile)
        uv = pool.uv(hits)
        place = self.place(uv, budget.centre[hits.segment], geometry.area(cell))
        excess = draw_excess(
            self.energy,
            self.spectrum,
            self.share,
            hits,
            self.seen(hits, edges, contexts[1], place),
            self.outlook_on(hits, uv, budget),
            budget,
            contexts[1],
            place,
            noise,
            self.proposals,
        )
        time = self._draw_times(hits, excess, contexts[1], place, incident, noise)
        energy = geometry.layer_threshold[layer] + excess
        return Showers(
            points=torch.cat([geometry.position(cell)[:, :2], energy[:, None], time[:, None]], 1),
            layer=layer,
            ptr=ptr_from_counts(torch.bincount(hits.shower, minlength=incident.energy.shape[0])),
            incident=incident,
            cell=cell,
        )

    def _draw_times(
        self,
        hits: Cells,
        excess: Tensor,
        context: Tensor,
        place: Tensor,
        incident: Incident,
        noise: Noise,
    ) -> Tensor:
        """Times of the hits in ns, ``[H]``."""
        relative = excess / self.geometry.layer_threshold[hits.layer]
        delay = mixture_sample(
            self.time_parameters(place, relative, context[hits.segment]),
            noise.uniform(hits.shower, hits.cell, TIME_STREAM),
            noise.logistic(hits.shower, hits.cell, TIME_STREAM + 1),
        )
        return self.delay.time(delay, incident, hits.shower, hits.layer)

    def contexts(
        self, incident: Incident, profile: Profile, latent: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Contexts of occupancy and of energy and time, ``[S L, W]`` of their widths."""
        context = self.context(incident, profile, latent).flatten(0, 1)
        occupancy, energy = context[:, : self.widths[0]], context[:, self.widths[0] :]
        return occupancy, energy

    def time_parameters(self, place: Tensor, relative: Tensor, context: Tensor) -> Tensor:
        """Mixtures of the hits' delays, ``[H, 3K]``."""
        log_excess = torch.log(relative + EPS)
        features = [place, log_excess[:, None], log_excess[:, None] ** 2 / 8, context]
        return self.time(torch.cat(features, dim=-1))
