"""The incident particle as a vector of features."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointcalo.nn.standardise import Standardise
from pointcalo.showers import Incident


class Condition(nn.Module):
    """Incident energy, polar angle, extra columns and species: ``[S, C]`` with C = 3 + K + M.

    Numbers are standardised. The azimuth and the entry point are not here: the shower's frame
    carries them.

    Args:
        names: of the extra columns of incident particles that are conditions, K.
        max_species: most species one model can hold, M.
    """

    pdg: Tensor

    def __init__(self, names: Sequence[str] = (), *, max_species: int = 8) -> None:
        super().__init__()
        self.names = tuple(names)
        self.max_species = max_species
        numbers = 3 + len(self.names)
        self.size = numbers + max_species
        self.standardise = Standardise(numbers)
        self.register_buffer("pdg", torch.zeros(max_species, dtype=torch.int64))

    def fit(self, incident: Incident) -> None:
        """Take the scales and the list of species from training showers.

        Raises:
            ValueError: more species than there is room for, or a column that is not there.
        """
        species = torch.unique(incident.pdg)
        if len(species) > self.max_species:
            raise ValueError(
                f"incident particles: {len(species)} species, at most "
                f"{self.max_species} in one model; "
                "raise max_species or split the sample"
            )
        self.pdg.zero_()
        self.pdg[: len(species)] = species
        self.standardise.fit(self._continuous(incident))

    def _continuous(self, incident: Incident) -> Tensor:
        log_energy = incident.energy.log()
        cosine = incident.direction[:, 2]
        sine = torch.linalg.vector_norm(incident.direction[:, :2], dim=-1)
        extra = [incident.column(name) for name in self.names]
        return torch.stack([log_energy, cosine, sine, *extra], dim=-1)

    def forward(self, incident: Incident) -> Tensor:
        """Features ``[S, C]``.

        Raises:
            ValueError: a species the model has not been trained on, or a column that is not there.
        """
        one_hot = ((incident.pdg[:, None] == self.pdg) & (self.pdg != 0)).float()
        if not bool(one_hot.any(dim=-1).all()):
            known = [code for code in self.pdg.tolist() if code]
            got = sorted(set(incident.pdg.tolist()) - set(known))
            raise ValueError(
                f"incident particle: pdg {got} unknown to this model; it was trained on {known}"
            )
        return torch.cat([self.standardise(self._continuous(incident)), one_hot], dim=-1)
