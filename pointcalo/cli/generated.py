"""What `pointcalo validate` judges: files of showers, and runs that are sampled on the spot."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from omegaconf import ListConfig

from pointcalo.cli.run_directory import CONFIG, run_config, trained_model
from pointcalo.cli.sample import write_sampled
from pointcalo.geometry import Geometry
from pointcalo.sampling import Sampler
from pointcalo.showers import Incident, Showers

LATENT_SHOWERS = 300


@dataclass(frozen=True)
class Generated:
    """A file, or the directory of a run.

    Args:
        path: of either.
        label: short name, no other has it.
    """

    path: Path
    label: str

    @property
    def is_run(self) -> bool:
        """Whether it is the directory of a run, to be sampled."""
        return self.path.is_dir()

    @property
    def data(self) -> str | None:
        """The file of showers that the run was trained on; None for a file."""
        return str(run_config(self.path).data) if self.is_run else None

    def sample(
        self, folder: Path, incident: Incident, geometry: Geometry, seed: int, device: str
    ) -> Path:
        """Sample the run into a file in a folder.

        Args:
            folder: to write to.
            incident: the particles.
            geometry: detector, with the layers of the run's.
            seed: of the showers.
            device: to sample on.
        """
        path = folder / f"{self.label}.h5"
        sampler, geometry = self._sampler(geometry, device)
        write_sampled(path, sampler, incident.to(device), geometry, self.path, seed)
        return path

    def variations(
        self, incident: Incident, geometry: Geometry, seed: int, device: str
    ) -> Mapping[str, Showers]:
        """The run's first showers again: with other latents only, and with other random numbers.

        Args:
            incident: the particles.
            geometry: detector, with the layers of the run's.
            seed: of the showers that these are variations of.
            device: to sample on.
        """
        sampler, _ = self._sampler(geometry, device)
        some = incident[:LATENT_SHOWERS].to(device)
        drawn = {
            "latent": sampler.sample(some, seed, latent_seed=seed + 1),
            "all": sampler.sample(some, seed + 1),
        }
        return {name: Showers.cat([s.to("cpu") for s in parts]) for name, parts in drawn.items()}

    def _sampler(self, geometry: Geometry, device: str) -> tuple[Sampler, Geometry]:
        model, own = trained_model(self.path, device)
        if own.hash == geometry.hash:
            return Sampler(model, max_showers=100), own
        moved = geometry.to(device)
        return Sampler(model.on(moved), max_showers=100), moved


def all_generated(given: str | ListConfig) -> list[Generated]:
    """The entries of the key `generated`.

    Raises:
        FileNotFoundError: one that is neither a file nor a run.
        ValueError: none, or no text.
    """
    entries = [given] if isinstance(given, str) else list(given) if given else []
    if not entries or not all(isinstance(entry, str) and entry for entry in entries):
        raise ValueError(f"generated: got {given!r}, expected files or run directories")
    found: list[Generated] = []
    for entry in entries:
        path = Path(entry).expanduser()
        if not path.exists():
            raise FileNotFoundError(f"{entry}: no such file or run directory")
        if path.is_dir() and not (path / CONFIG).is_file():
            raise ValueError(f"{entry}: a folder without {CONFIG}, expected a file or a run")
        label = path.absolute().name if path.is_dir() else path.stem
        taken = {other.label for other in found}
        number = next(n for n in range(1, len(found) + 2) if _label(label, n) not in taken)
        found.append(Generated(path, _label(label, number)))
    return found


def _label(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
