"""The incident particle as a vector of features."""

import torch
from torch import Tensor, nn

from pointcalo.nn.standardise import Standardise
from pointcalo.showers import Incident


class Condition(nn.Module):
    """Incident energy, polar angle and species, standardised: ``[S, C]`` with C = 3 + M.

    The azimuth and the entry point are not here: the shower's frame carries them.

    Args:
        max_species: most species one model can hold, M.
    """

    pdg: Tensor

    def __init__(self, max_species: int = 8) -> None:
        super().__init__()
        self.max_species = max_species
        self.size = 3 + max_species
        self.standardise = Standardise(3)
        self.register_buffer("pdg", torch.zeros(max_species, dtype=torch.int64))

    def fit(self, incident: Incident) -> None:
        """Take the scales and the list of species from training showers.

        Raises:
            ValueError: more species than there is room for.
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

    @staticmethod
    def _continuous(incident: Incident) -> Tensor:
        log_energy = incident.energy.log()
        cosine = incident.direction[:, 2]
        sine = torch.linalg.vector_norm(incident.direction[:, :2], dim=-1)
        return torch.stack([log_energy, cosine, sine], dim=-1)

    def forward(self, incident: Incident) -> Tensor:
        """Features ``[S, C]``.

        Raises:
            ValueError: a species the model has not been trained on.
        """
        one_hot = ((incident.pdg[:, None] == self.pdg) & (self.pdg != 0)).float()
        if not bool(one_hot.any(dim=-1).all()):
            known = [code for code in self.pdg.tolist() if code]
            got = sorted(set(incident.pdg.tolist()) - set(known))
            raise ValueError(
                f"incident particle: pdg {got} unknown to this model; it was trained on {known}"
            )
        return torch.cat([self.standardise(self._continuous(incident)), one_hot], dim=-1)
