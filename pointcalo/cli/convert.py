"""The command `pointcalo convert`: a file of showers in another layout."""

from collections.abc import Iterator
from pathlib import Path

from omegaconf import DictConfig

from pointcalo.formats import NativeFile, open_showers, write
from pointcalo.formats.opening import is_showerdata
from pointcalo.formats.showerdata import Conventions, ShowerDataFile, write_showerdata
from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Showers, segment_sum

FORMATS = ("pointcalo", "showerdata")


def run(config: DictConfig) -> None:
    """Convert one file.

    Args:
        config: keys of `configs/convert.yaml`.

    Raises:
        ValueError, OSError: the input cannot be used or the output not be written; one line.
    """
    if config.format not in FORMATS:
        raise ValueError(f"format: got {config.format!r}, expected one of {', '.join(FORMATS)}")
    geometry = None if config.geometry is None else Geometry.load(config.geometry)
    if config.project and geometry is None:
        raise ValueError("project=true needs the cells: pass geometry=NAME")
    source = _open(config, geometry)
    batches = _Converted(source, geometry if config.project else None, config.batch)
    if config.format == "pointcalo":
        _write_native(config, source, batches, geometry)
    else:
        _write_showerdata(config, source, batches, geometry)
    print(f"{config.output}: {len(source)} showers, layout {config.format}{batches.report()}")


class _Converted:
    """Showers of a file, projected where a geometry is given."""

    def __init__(
        self, source: NativeFile | ShowerDataFile, geometry: Geometry | None, batch: int
    ) -> None:
        self.source = source
        self.projector = None if geometry is None else Projector(geometry)
        self.batch = batch
        self.energy = self.outside = 0.0

    def __iter__(self) -> Iterator[Showers]:
        for showers in self.source.iterate(self.batch):
            if self.projector is None:
                yield showers
                continue
            projected, share = self.projector(showers)
            energy = segment_sum(showers.energy.double(), showers.ptr)
            self.energy += float(energy.sum())
            self.outside += float((share * energy).sum())
            yield projected

    def report(self) -> str:
        if self.projector is None or self.energy == 0:
            return ""
        return f", {100 * self.outside / self.energy:.3g} % of the energy outside every cell"


def _open(config: DictConfig, geometry: Geometry | None) -> NativeFile | ShowerDataFile:
    if is_showerdata(config.input):
        if geometry is None:
            raise ValueError(
                f"{config.input}: a ShowerData file does not name its geometry: pass geometry=NAME"
            )
        return ShowerDataFile(config.input, _conventions(config, geometry))
    source = open_showers(config.input)
    if geometry is not None:
        source.check_geometry(geometry)
    return source


def _conventions(config: DictConfig, geometry: Geometry | None) -> Conventions:
    if config.energy_unit is None:
        raise ValueError("energy_unit: a ShowerData file records no units: pass energy_unit=GeV")
    return Conventions(
        energy_unit=config.energy_unit,
        incident_energy_unit=config.incident_energy_unit or "",
        length_unit=config.length_unit,
        depth=config.depth,
        geometry=geometry,
    )


def _write_native(
    config: DictConfig,
    source: NativeFile | ShowerDataFile,
    batches: _Converted,
    geometry: Geometry | None,
) -> None:
    if isinstance(source, NativeFile):
        attributes, points = source.attributes, source.points
        name, number = source.geometry_name, source.geometry_hash
        origin = config.source or attributes["source"]
    else:
        attributes, points, name, number = {}, config.points, "", ""
        origin = config.source or f"ShowerData file {Path(config.input).name}"
    if geometry is not None:
        name, number = geometry.name, geometry.hash
    write(
        config.output,
        batches,
        geometry_name=name,
        geometry_hash=number,
        source=origin,
        points="cells" if config.project else points,
        attributes=attributes,
        compression=config.compression,
    )


def _write_showerdata(
    config: DictConfig,
    source: NativeFile | ShowerDataFile,
    batches: _Converted,
    geometry: Geometry | None,
) -> None:
    write_showerdata(
        config.output,
        batches,
        num_showers=len(source),
        max_points=source.max_points,
        conventions=_conventions(config, geometry),
    )
