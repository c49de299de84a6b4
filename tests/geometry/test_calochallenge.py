"""The binning XML of the CaloChallenge, in its exact form, and the built-in geometries of it."""

from pathlib import Path

import pytest
import torch

from pointcalo.geometry import Geometry
from pointcalo.geometry.polar import Polar

# Voxels of each layer, as the challenge states them: 368, 533, 6480 and 40 500 in all.
PUBLIC = {
    "calochallenge_1_photon": [8, 160, 190, 5, 5],
    "calochallenge_1_pion": [8, 100, 100, 5, 150, 160, 10],
    "calochallenge_2": [144] * 45,
    "calochallenge_3": [900] * 45,
}
SMALL = """<Bins>
   <Bin pid="22" etaMin="0" etaMax="130" name="photon">
      <Layer id="0" r_edges="0,5,10,30" n_bin_alpha="1" />
      <Layer id="1" r_edges="0" n_bin_alpha="1" />
      <Layer id="12" r_edges="2,4,10" n_bin_alpha="10"/>
   </Bin>
</Bins>
"""
BIN = '<Bin pid="{pid}" etaMin="0" etaMax="{eta}" name="{name}">{layers}</Bin>'
LAYER = '<Layer id="0" r_edges="{edges}" n_bin_alpha="{bins}"/>'


def xml_of(name: str) -> str:
    """The XML that describes the cells of a built-in geometry, unused layers between them."""
    lines = []
    for number, layer in enumerate(Geometry.load(name).layers):
        edges = ",".join(f"{edge:.12g}" for edge in layer.segmentation.edges)
        bins = layer.segmentation.bins[0]
        lines.append(f'<Layer id="{2 * number}" r_edges="{edges}" n_bin_alpha="{bins}" />')
        lines.append(f'<Layer id="{2 * number + 1}" r_edges="0" n_bin_alpha="1" />')
    return f'<Bins><Bin pid="11" name="electron">{"".join(lines)}</Bin></Bins>'


@pytest.mark.parametrize("name", PUBLIC)
def test_voxels_of_the_public_ones(name: str) -> None:
    geometry = Geometry.load(name)
    assert geometry.layer_start.diff().tolist() == PUBLIC[name]
    assert all(layer.active is not None for layer in geometry.layers)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_file_is_known_by_its_cells(tmp_path: Path, name: str) -> None:
    path = tmp_path / "binning.xml"
    path.write_text(xml_of(name))
    read = Geometry.load(path)
    assert read.hash == Geometry.load(name).hash and read.name == name


def test_unused_layers_have_no_number(tmp_path: Path) -> None:
    path = tmp_path / "binning.xml"
    path.write_text(SMALL)
    geometry = Geometry.load(path, layer_z_mm=[5.0, 40.0])
    assert geometry.layer_start.tolist() == [0, 3, 23]
    assert geometry.layer_z.tolist() == [5.0, 40.0]
    assert "layers 0, 12" in geometry.summary and "eta 0 to 130" in geometry.summary
    # Alpha of the first bin of ten: from +x to 36 degrees; the first ring ends at 4 mm.
    at = torch.tensor([[3.0, 0.1], [3.0, -0.1], [5.0, 0.1], [1.0, 0.0]])
    assert geometry.cell_at(torch.ones(4, dtype=torch.int64), at).tolist() == [3, 12, 13, -1]
    assert geometry.area(torch.tensor([0])).item() == pytest.approx(3.14159265 * 25)


def test_depth_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "binning.xml"
    path.write_text(SMALL)
    with pytest.raises(ValueError, match=r"binning\.xml: holds no depth .*2 layers.*layer_z_mm"):
        Geometry.load(path)


def test_one_of_several_bins_is_picked(tmp_path: Path) -> None:
    path = tmp_path / "binning.xml"
    bins = [
        BIN.format(pid=pid, eta=eta, name=name, layers=LAYER.format(edges=edges, bins=2))
        for pid, eta, name, edges in [(22, 20, "a", "0,1"), (22, 40, "b", "0,1,2")]
    ]
    path.write_text(f"<Bins>{''.join(bins)}</Bins>")
    for choice, cells in {"a": 2, "1": 4, "b": 4}.items():
        assert Geometry.load(f"{path}#{choice}", layer_z_mm=10).num_cells == cells
    with pytest.raises(ValueError, match=r"has 2 bins \(0: .*a.*; 1: .*b.*\).*#NUMBER"):
        Geometry.load(path, layer_z_mm=10)
    with pytest.raises(ValueError, match="#c fits 0 of them"):
        Geometry.load(f"{path}#c", layer_z_mm=10)


@pytest.mark.parametrize("numbers", [(0, 0), (1, 0), ("a", "b")])
def test_layers_out_of_order_are_refused(tmp_path: Path, numbers: tuple) -> None:
    layers = "".join(f'<Layer id="{n}" r_edges="0,5" n_bin_alpha="2"/>' for n in numbers)
    path = tmp_path / "binning.xml"
    path.write_text(f"<Bins>{BIN.format(pid=22, eta=1, name='a', layers=layers)}</Bins>")
    with pytest.raises(ValueError, match=r"expected layers in rising order|expected a number"):
        Geometry.load(path, layer_z_mm=10)


@pytest.mark.parametrize(
    ("edges", "bins", "message"),
    [
        ("0,5,5", "1", "layer 0: rows go from 5.0 to 5.0"),
        ("0,x", "1", "layer 0: r_edges is '0,x'"),
        ("0,nan", "1", "layer 0: rows to is nan"),
        ("0,1", "0", "layer 0: rows num_phi is 0"),
        ("0,1", "many", "layer 0: n_bin_alpha is 'many'"),
        ("-1,1", "1", "layer 0: rows begin at the radius -1"),
        ("0", "1", "no layer of it has cells"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, edges: str, bins: str, message: str) -> None:
    path = tmp_path / "binning.xml"
    layers = LAYER.format(edges=edges, bins=bins)
    path.write_text(f"<Bins>{BIN.format(pid=22, eta=1, name='a', layers=layers)}</Bins>")
    with pytest.raises(ValueError, match=message):
        Geometry.load(path, layer_z_mm=10)


def test_par04_has_the_cells_of_data_set_2() -> None:
    one, other = Geometry.load("par04"), Geometry.load("calochallenge_2")
    assert [layer.segmentation for layer in one.layers] == [
        layer.segmentation for layer in other.layers
    ]
    assert isinstance(one.layers[0].segmentation, Polar)
    # 45 x 2 x (1.4 + 0.3) mm
    assert one.layers[-1].z + one.layers[-1].behind_middle_mm == pytest.approx(153.0)
