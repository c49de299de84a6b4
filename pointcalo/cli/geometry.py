"""`pointcalo geometry`: list, show, check, plot and import detectors."""

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pointcalo.cli.errors import DONE

if TYPE_CHECKING:
    from pointcalo.geometry import DetectorLayer, Geometry

USAGE = """\
usage: pointcalo geometry list
       pointcalo geometry show NAME|FILE
       pointcalo geometry check NAME|FILE
       pointcalo geometry plot NAME|FILE [output=FILE.png|.pdf|.svg] [layer=NUMBER]
       pointcalo geometry import FILE OUT.yaml

NAME is looked for in the folders of $POINTCALO_GEOMETRIES, in ./geometries, among the entry points
pointcalo.geometries and among the built-in geometries. FILE is a YAML, a binning XML of the
CaloChallenge, a DD4hep compact XML, a module map of the HGCal, a ShowerData detector (JSON) or a
table of cells (CSV, NPZ, HDF5, ROOT). What it does not hold, options of all but list supply:

  layer_z_mm=[Z,Z,...]|DISTANCE  middle of each layer's active material
  stack=NAME|[[W,2.1],[Si,0.5]]  materials of a geometry, or slabs of every layer, the last active
  threshold_MeV=NUMBER|[...]     smallest energy of a hit
  geometry_unit=mm|cm|m          of a table of cells that does not record it"""

# Cells that `check` looks up at most.
MOST_CHECKED = 1_000_000


def run(arguments: list[str]) -> int:
    """Run one of the sub-commands.

    Args:
        arguments: the sub-command and its own arguments.

    Returns:
        0.

    Raises:
        ValueError: an unknown sub-command or argument, an unknown geometry, a mistake in a file.
    """
    if not arguments or {"--help", "-h"} & set(arguments):
        print(USAGE)
        return DONE
    action, *rest = arguments
    if action == "list":
        _expect(rest, 0, action)
        list_geometries()
        return DONE
    if action not in ACTIONS:
        raise ValueError(f"unknown sub-command {action!r}; expected list, {', '.join(ACTIONS)}")
    names = [argument for argument in rest if "=" not in argument]
    _expect(names, 2 if action == "import" else 1, action)
    ACTIONS[action](*names, _options(action, [a for a in rest if "=" in a]))
    return DONE


def list_geometries() -> None:
    """Print name, summary and, where it is not built in, the file of every geometry."""
    from pointcalo.geometry.names import geometry_entry_points, geometry_files, is_built_in

    files = geometry_files()
    for name in sorted(set(files) | set(geometry_entry_points())):
        path = files.get(name)
        place = "" if path is not None and is_built_in(path) else f"  [{path or 'entry point'}]"
        print(f"{name:<24}{_summary(path)}{place}")


def show(name: str, options: dict[str, Any]) -> None:
    """Print the layers of a geometry, equal neighbours in one line."""
    geometry = _load(name, options)
    print(f"{geometry.name}: {geometry.summary}")
    print(f"{geometry.num_layers} layers, {geometry.num_cells} cells, hash {geometry.hash}\n")
    start = geometry.layer_start.tolist()
    print(f"{'layers':>9} {'z mm':>9} {'cells':>8} {'X0':>6} {'lambda':>7} {'MeV >=':>7}  active")
    rows = [
        (number, layer, start[number + 1] - start[number])
        for number, layer in enumerate(geometry.layers)
    ]
    for _, group in groupby(rows, lambda row: (_row(row[1], row[2]), row[1].segmentation)):
        _print_rows(list(group))
    front = [layer for layer in geometry.layers if layer.z >= 0.0] or list(geometry.layers)
    if any(layer.active is None for layer in front):
        print("\nsome layers have no materials: train with data=FILE, there is no simulation")
        return
    depth = sum(layer.radiation_lengths for layer in front)
    nuclear = sum(layer.interaction_lengths for layer in front)
    print(f"\ntogether {depth:.1f} radiation lengths, {nuclear:.2f} nuclear interaction lengths")


def check(name: str, options: dict[str, Any]) -> None:
    """Say that a geometry is right, or what is wrong in one line.

    Raises:
        ValueError: a layer without cells, or a cell that the lookup of its centre does not find.
    """
    import torch

    geometry = _load(name, options)
    counts = geometry.layer_start.diff()
    if int(counts.min()) == 0:
        raise ValueError(f"{name}: layer {int(counts.argmin())} has no cells; look at its outline")
    step = max(1, geometry.num_cells // MOST_CHECKED)
    cell = torch.arange(0, geometry.num_cells, step)
    found = geometry.cell_at(geometry.layer_of(cell), geometry.position(cell)[:, :2])
    if not torch.equal(found, cell):
        wrong = int(cell[(found != cell).nonzero()[0, 0]])
        layer = int(geometry.layer_of(torch.tensor([wrong])))
        raise ValueError(f"{name}: the centre of cell {wrong} lies in another cell, layer {layer}")
    print(f"{name}: fine, {geometry.num_layers} layers, {geometry.num_cells} cells")


def plot(name: str, options: dict[str, Any]) -> None:
    """Draw a geometry into a file.

    Raises:
        ValueError: no such layer, or a suffix that cannot be written.
    """
    from pointcalo.cli.geometry_plot import plot_geometry

    geometry = _load(name, options)
    layer = options.get("layer", geometry.num_layers // 2)
    if type(layer) is not int or not 0 <= layer < geometry.num_layers:
        raise ValueError(
            f"layer={layer}; {geometry.name} has layers 0 to {geometry.num_layers - 1}"
        )
    output = Path(str(options.get("output", f"{geometry.name}.png")))
    plot_geometry(geometry, layer, output)
    print(output)


def import_geometry(source: str, output: str, options: dict[str, Any]) -> None:
    """Write the YAML of a detector that another layout describes, and say what that lacks.

    Raises:
        ValueError: a file that cannot be read or lacks the depth, or an output that is no YAML.
    """
    from pointcalo.geometry.loading import read_layout

    if Path(output).suffix not in (".yaml", ".yml"):
        raise ValueError(f"{output}: expected a file to write that ends in .yaml")
    if not Path(source.partition("#")[0]).is_file():
        raise ValueError(f"{source}: is no file; expected one to read")
    table = Path(output).with_name(f"{Path(output).stem}.cells.npz")
    if any(Path(source.partition("#")[0]).resolve() == p.resolve() for p in (Path(output), table)):
        raise ValueError(f"{output}: it, or {table.name} beside it, is the file to read; rename it")
    geometry = _load(source, options)
    layout = read_layout(source, options.get("geometry_unit"))
    geometry.save(output)
    print(f"{source}: {layout.kind}: {geometry.summary}")
    print(f"{output}: {geometry.name}, {geometry.num_layers} layers, {geometry.num_cells} cells")
    if layout.missing:
        print(f"not in the file: {', '.join(layout.missing)}")
    if any(layer.active is None for layer in geometry.layers):
        print("materials stay unknown: it trains with data=FILE, there is no simulation")
    if "threshold" in layout.missing and not any(layer.threshold for layer in geometry.layers):
        print("threshold 0 MeV: every deposit is a hit; to train, give threshold_MeV=... above 0")


ACTIONS: dict[str, Callable[..., None]] = {
    "show": show,
    "check": check,
    "plot": plot,
    "import": import_geometry,
}
"""Sub-commands: functions of the names and the options."""

OWN_OPTIONS = {"plot": ("output", "layer")}


def _options(action: str, arguments: list[str]) -> dict[str, Any]:
    """Options with their values, read as those of the other commands are."""
    if not arguments:
        return {}
    from omegaconf import OmegaConf

    from pointcalo.cli.detector import SAID

    known = (*SAID, *OWN_OPTIONS.get(action, ()))
    options: dict[str, Any] = {}
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name not in known:
            raise ValueError(f"geometry {action} has no option {name}, only {', '.join(known)}")
        try:
            options[name] = OmegaConf.to_container(OmegaConf.from_dotlist([f"x={value}"]))["x"]
        except (yaml.YAMLError, ValueError) as error:
            raise ValueError(f"cannot read {argument}; expected a value or [a,b,...]") from error
    return options


def _load(name: str, options: dict[str, Any]) -> "Geometry":
    from pointcalo.cli.detector import load_geometry

    return load_geometry(options, name)


def _expect(names: list[str], count: int, action: str) -> None:
    if len(names) != count:
        expected = ("no arguments", "one name or file", "a file to read and one to write")[count]
        raise ValueError(f"geometry {action} got {' '.join(names) or 'none'}; expected {expected}")


def _summary(path: Path | None) -> str:
    """The line `summary:` of a file, without reading its layers."""
    if path is None:
        return ""
    with path.open(encoding="utf-8", errors="replace") as lines:
        found = (line for line in lines if line.startswith("summary:"))
        return next(found, "summary:").removeprefix("summary:").strip()


def _row(layer: "DetectorLayer", cells: int) -> str:
    gaps = f"{layer.gaps} x " if layer.gaps > 1 else ""
    if layer.active is None:
        return f"{cells:>8} {'-':>6} {'-':>7} {layer.threshold:>7.3g}  materials unknown"
    material, thickness = layer.active
    return (
        f"{cells:>8} {layer.radiation_lengths:>6.2f} {layer.interaction_lengths:>7.3f}"
        f" {layer.threshold:>7.3g}  {gaps}{material} {thickness:g} mm"
    )


def _print_rows(rows: list[tuple[int, "DetectorLayer", int]]) -> None:
    first, layer, cells = rows[0]
    numbers = f"{first}" if len(rows) == 1 else f"{first}-{rows[-1][0]}"
    print(f"{numbers:>9} {layer.z:>9.2f} {_row(layer, cells)}, {_cells(layer)}")


def _cells(layer: "DetectorLayer") -> str:
    from pointcalo.geometry.composite import parts_of

    kinds = []
    for part in parts_of(layer.segmentation):
        pitch = getattr(part, "pitch_mm", None)
        size = pitch if isinstance(pitch, tuple) else (pitch,)
        text = " x ".join(f"{value:g}" for value in dict.fromkeys(size)) if pitch else ""
        kinds.append(f"{part.kind} {text} mm" if text else part.kind)
    return " + ".join(kinds)
