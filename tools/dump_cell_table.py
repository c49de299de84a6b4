"""Dump the cells of a DD4hep calorimeter as a table that pointcalo reads.

For detectors whose layers a C++ driver works out (ILD, ALLEGRO, ...). Run it where DD4hep is set
up, as in key4hep (`source /cvmfs/sw.hsf.org/key4hep/setup.sh`); pointcalo is not needed there. It
asks DD4hep for the cell under points on a grid: along an axis to find the layers, then across each
layer within a square window about that axis. The table is in the local frame: origin on the axis at
the given position, z along the normal, y along the beam (in an endcap: global y), x = y x z.

    python dump_cell_table.py ILD_l5_o1_v02.xml --position 0,1804,50 --normal 0,1,0 --depth 250 \
        --width 400 --readout EcalBarrelCollection --only slice=4,10 --output cells.csv

Written from DD4hep's sources (DDRec/CellIDPositionConverter.h) and untested outside a stand-in:
look at the first table with `pointcalo geometry show`. Vectors that begin with a minus sign need
an equals sign: --normal=-1,0,0.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

CM = 10.0  # DD4hep's unit of length in mm
FLAT = 0.01  # mm; largest difference of the depths of a layer's cells
COLUMNS = ("layer", "x_mm", "y_mm", "z_mm", "area_mm2", "cellid")
Row = tuple[int, float, float, float, float, int]


class Detector:
    """A DD4hep detector seen from a local frame.

    Args:
        compact: the compact file.
        origin: [3] global position of the local origin in mm.
        normal: [3] global direction of local z.
        accepted: readout and, by field of its cellID, the values to keep; empty: every cell.
    """

    def __init__(
        self,
        compact: str,
        origin: np.ndarray,
        normal: np.ndarray,
        accepted: tuple[str, dict[str, set[int]]],
    ) -> None:
        import ROOT

        for library in ("libDDCore", "libDDRec"):
            if ROOT.gSystem.Load(library) < 0:
                raise ImportError(library)
        self._dd4hep = ROOT.dd4hep
        self._description = self._dd4hep.Detector.getInstance()
        self._description.fromXML(compact)
        self._cells = self._dd4hep.rec.CellIDPositionConverter(self._description)
        z = normal / np.linalg.norm(normal)
        up = np.array([0.0, 0.0, 1.0] if abs(z[2]) < 0.9 else [0.0, 1.0, 0.0])
        x = np.cross(up, z)
        x /= np.linalg.norm(x)
        self._origin, self._axes = origin, np.stack((x, np.cross(z, x), z))
        self._keeps = self._filter(*accepted)

    def cell_at(self, x: float, y: float, z: float) -> int:
        """CellID under a local point in mm; 0 where nothing sensitive, or not accepted, is."""
        point = (self._origin + np.array([x, y, z]) @ self._axes) / CM
        cell = int(self._cells.cellID(self._dd4hep.Position(*map(float, point)))) % 2**64
        return cell if cell and self._keeps(cell) else 0

    def centre(self, cell: int) -> tuple[float, float, float]:
        """Local position of a cell's centre in mm."""
        found = self._cells.position(cell)
        point = CM * np.array([found.x(), found.y(), found.z()])
        x, y, z = self._axes @ (point - self._origin)
        return float(x), float(y), float(z)

    def size(self, cell: int) -> tuple[float, float]:
        """Widths of a cell in mm."""
        first, second = list(self._cells.cellDimensions(cell))[:2]
        return CM * first, CM * second

    def _filter(self, readout: str, values: dict[str, set[int]]) -> Callable[[int], bool]:
        if not values:
            return lambda cell: True
        decoder = self._description.readout(readout).idSpec().decoder()
        return lambda cell: all(decoder.get(cell, f) in kept for f, kept in values.items())


def layers_along(
    detector: Detector, options: argparse.Namespace, x: float = 0.0, y: float = 0.0
) -> list[tuple[float, int]]:
    """Middle (mm) and a cell of each sensitive layer along a line parallel to the axis."""
    step = options.step
    found: list[tuple[float, int]] = []
    begin, current = 0.0, 0
    for z in np.arange(0.5, options.depth / step + 1.0) * step:
        cell = detector.cell_at(x, y, z)
        if cell != current:
            if current:
                found.append((0.5 * (begin + z - step), current))
            begin, current = z, cell
    return found


def check_normal(
    detector: Detector, options: argparse.Namespace, layers: list[tuple[float, int]]
) -> None:
    """Lines beside the axis meet the layers at the same depth.

    Raises:
        ValueError: they do not, so the normal is not that of the layers.
    """
    for distance in (max(detector.size(layers[0][1])), 0.5 * options.width):
        for x, y in ((distance, 0.0), (-distance, 0.0), (0.0, distance), (0.0, -distance)):
            beside = layers_along(detector, options, x, y)
            if len(beside) != len(layers):
                continue  # a gap, or the edge of the stave
            if any(
                abs(z - w) > 2.0 * options.step
                for (z, _), (w, _) in zip(beside, layers, strict=True)
            ):
                raise ValueError(
                    f"the layers are not at right angles to --normal {options.normal}: "
                    f"{distance:g} mm beside the axis they lie at other depths"
                )


def layer_cells(
    detector: Detector, z: float, first: int, width: float, share: float
) -> Iterator[tuple[float, float, float, float, int]]:
    """x, y, z, area and cellID of the cells of a layer whose centre is within the window."""
    half, step = 0.5 * width, 0.5 * min(detector.size(first))
    grid = np.linspace(-half, half, max(2, math.ceil(width / step) + 1))
    for cell in sorted({detector.cell_at(x, y, z) for x in grid for y in grid} - {0}):
        centre = detector.centre(cell)
        if max(abs(centre[0]), abs(centre[1])) <= half:
            across, along = detector.size(cell)
            yield (*centre, share * across * along, cell)


def rows(detector: Detector, options: argparse.Namespace) -> list[Row]:
    """The table: all cells, layer by layer from the front.

    Raises:
        ValueError: nothing sensitive on the axis, or a layer that is not flat.
    """
    table: list[Row] = []
    layers = layers_along(detector, options)
    if not layers:
        raise ValueError(
            f"nothing sensitive within {options.depth:g} mm of {options.position} along "
            f"{options.normal}; move --position off a gap, or enlarge --depth"
        )
    check_normal(detector, options, layers)
    for number, (z, first) in enumerate(layers):
        share = 0.75 if options.hexagons else 1.0
        cells = list(layer_cells(detector, z, first, options.width, share))
        depth = [cell[2] for cell in cells]
        if not cells or max(depth) - min(depth) > FLAT:
            raise ValueError(
                f"layer {number} at z = {z:.2f} mm is not flat across the window, or has no cell "
                "in it; check --normal, or change --width"
            )
        middle = round(float(np.median(depth)), 4)
        table += [(number, x, y, middle, area, cell) for x, y, _, area, cell in cells]
        print(f"layer {number}: z = {middle:.3f} mm, {len(cells)} cells", flush=True)
    return table


def write(table: list[Row], path: Path) -> None:
    """Write a .csv or .npz, whole or not at all."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            if path.suffix == ".csv":
                lines = [f"{n},{x:.4f},{y:.4f},{z:.4f},{a:.6g},{c}" for n, x, y, z, a, c in table]
                file.write("\n".join((",".join(COLUMNS), *lines, "")).encode())
            else:
                kinds = (np.int64, *[np.float64] * 4, np.uint64)
                columns = zip(COLUMNS, kinds, zip(*table, strict=True), strict=True)
                np.savez_compressed(file, **{n: np.array(v, dtype=k) for n, k, v in columns})
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def vector(text: str) -> np.ndarray:
    """Three numbers, comma between them."""
    values = np.array([float(part) for part in text.split(",")])
    if values.shape != (3,) or not np.isfinite(values).all():
        raise argparse.ArgumentTypeError(f"{text!r}; expected three numbers as in 0,1804,50")
    return values


def positive(text: str) -> float:
    """A number above 0."""
    if not 0.0 < float(text) < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number above 0")
    return float(text)


def choice(text: str) -> tuple[str, set[int]]:
    """FIELD=VALUE,VALUE."""
    field, _, values = text.partition("=")
    return field, {int(value) for value in values.split(",")}


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    found = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    found.add_argument("compact", help="compact file of the detector")
    found.add_argument("--position", type=vector, required=True, help="global mm, on the front")
    found.add_argument("--normal", type=vector, required=True, help="into the calorimeter")
    found.add_argument("--depth", type=positive, required=True, help="mm along the normal")
    found.add_argument("--width", type=positive, default=400.0, help="mm of the square window")
    found.add_argument("--step", type=positive, default=0.05, help="mm along the axis")
    found.add_argument("--readout", help="readout whose fields --only means")
    found.add_argument(
        "--only", type=choice, action="append", default=[], help="FIELD=VALUES of cells to keep"
    )
    found.add_argument("--hexagons", action="store_true", help="cells are hexagons")
    found.add_argument("--output", type=Path, required=True, help="table, .csv or .npz")
    return found


def main() -> None:
    """Dump the table; a mistake is one line and exit code 2."""
    options = parser().parse_args()
    if options.output.suffix not in (".csv", ".npz"):
        parser().error(f"--output {options.output}: expected a .csv or .npz file")
    if not Path(options.compact).is_file():
        parser().error(f"no compact file {options.compact}")
    if options.only and not options.readout:
        parser().error("--only needs --readout, whose fields it means")
    if not options.normal.any():
        parser().error("--normal is 0,0,0; expected a direction")
    accepted = (options.readout or "", dict(options.only))
    try:
        detector = Detector(options.compact, options.position, options.normal, accepted)
        write(rows(detector, options), options.output)
    except ImportError as error:
        parser().error(f"DD4hep is not set up here ({error}); source key4hep's setup.sh first")
    except (ValueError, OSError) as error:
        parser().error(str(error))


if __name__ == "__main__":
    main()
