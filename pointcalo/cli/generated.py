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
        """The file of showers that the run was trained on, or their pattern; None for a file."""
        return str(run_config(self.path).data) if self.is_run else None

    @property
    def data_share(self) -> float:
        """Share of each file's training showers that the run learnt from."""
        return float(run_config(self.path).get("data_share", 1.0))

    def sample(
        self, folder: Path, incident: Incident, geometry: Geometry, seed: int, device: str
    ) -> tuple[Path, Mapping[str, Showers]]:
        """Sample the run into a file, and its first showers again in two ways.

        Args:
            folder: to write the file to.
            incident: the particles.
            geometry: detector, with the layers of the run's.
            seed: of the showers.
            device: to sample on.

        Returns:
            The file; the first showers with other latents only ("latent"), and with all random
            numbers other ("all").
        """
        path = folder / f"{self.label}.h5"
        model, _ = trained_model(self.path, device)
        sampler = Sampler(model, geometry.to(device), max_showers=100)
        write_sampled(path, [sampler], incident, self.path, seed)
        some = incident[:LATENT_SHOWERS].to(device)
        drawn = {
            "latent": sampler.sample(some, seed, latent_seed=seed + 1),
            "all": sampler.sample(some, seed + 1),
        }
        again = {name: Showers.cat([s.to("cpu") for s in parts]) for name, parts in drawn.items()}
        return path, again


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
