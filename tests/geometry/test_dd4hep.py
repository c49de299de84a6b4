"""DD4hep compact files as geometries."""

import math
from pathlib import Path

import pytest
import torch
from geometry.compact_files import DEFINE, READOUT, WHOLE, compact, detector, without

from pointcalo.geometry import Cartesian, Geometry, Hexagonal, Polar
from pointcalo.geometry.importers.dd4hep import read_dd4hep
from pointcalo.geometry.materials import material


def test_layers_of_a_barrel(tmp_path: Path) -> None:
    geometry = read_dd4hep(compact(tmp_path))
    assert geometry.name == "top_Barrel"
    assert geometry.readout == "system:8,barrel:3,layer:6,x:32:-16,y:-16"
    assert geometry.layer_z.tolist() == pytest.approx([2.15, 5.3, 8.45, 13.5])
    first, second, _, last = geometry.layers
    assert [thickness for _, thickness in first.absorber] == [1.9]
    board = "G10 1.7 g/cm3 (Cl 0.08 O 0.4606 Si 0.3613 H 0.0194 C 0.0787)"
    assert second.absorber == ((board, 0.75), *first.absorber)
    assert last.absorber[1:] == (("STEEL", 3.8),)
    assert {layer.active for layer in geometry.layers} == {("Si", 0.5)}
    assert {layer.threshold for layer in geometry.layers} == {0.0}
    assert "10 mm behind the last layer left out" in geometry.summary
    assert "thresholds not in the file" in geometry.summary


def test_cells_of_a_barrel_fill_the_stave(tmp_path: Path) -> None:
    geometry = read_dd4hep(compact(tmp_path))
    growth = 2.0 * math.tan(math.pi / 12)
    for layer, depth in zip(geometry.layers, (0.0, 3.15, 6.3, 9.45), strict=True):
        half = 0.5 * growth * (1500.0 + depth)
        assert layer.segmentation == Cartesian(
            pitch_mm=(5.0, 10.0), nx=2 * int(half / 5.0) + 1, ny=201
        )
    # DD4hep centres a cell at 0.
    cell = geometry.cell_at(torch.tensor([0]), torch.tensor([[1.0, -4.0]]))
    assert geometry.position(cell)[0, :2].tolist() == [0.0, 0.0]


def test_the_geometry_reads_back(tmp_path: Path) -> None:
    geometry = read_dd4hep(compact(tmp_path))
    geometry.save(tmp_path / "saved.yaml")
    again = Geometry.load(tmp_path / "saved.yaml")
    assert (again.hash, again.readout) == (geometry.hash, geometry.readout)


def test_cells_of_an_endcap_lie_between_the_radii(tmp_path: Path) -> None:
    ring = '<dimensions numsides="12" zmin="2.3*m" rmin="100*mm" rmax="400*mm"/>'
    readout = READOUT.replace("CartesianGridXY", "CartesianGridXZ").replace("size_y", "size_z")
    geometry = read_dd4hep(compact(tmp_path, DEFINE, readout, detector(dimensions=ring)))
    radius = geometry.position(torch.arange(geometry.num_cells))[:, :2].norm(dim=1)
    assert 100.0 <= float(radius.min()) < 101.0
    assert 399.0 < float(radius.max()) <= 400.0
    assert geometry.layers[0].segmentation.pitch_mm == (5.0, 10.0)


def test_offsets_and_staggering(tmp_path: Path) -> None:
    grid = (
        '<segmentation type="CartesianGridXYStaggered" grid_size_x="3*cm" grid_size_y="30*mm" '
        'offset_x="15*mm" stagger_x="0" stagger_y="1"/>'
    )
    readout = f'<readouts><readout name="Hits">{grid}</readout></readouts>'
    box = '<dimensions x="60*cm" y="60*cm" z="1*m"/>'
    geometry = read_dd4hep(compact(tmp_path, DEFINE, readout, detector(dimensions=box)))
    first, second = (layer.segmentation for layer in geometry.layers[:2])
    assert (first.nx, first.ny, first.offset_mm) == (20, 20, (0.0, 0.0))  # +-285 in both
    assert (second.nx, second.ny, second.offset_mm) == (20, 21, (0.0, 0.0))  # y: +-300
    assert geometry.readout == ""


def test_rings_of_a_luminosity_calorimeter(tmp_path: Path) -> None:
    grid = (
        '<segmentation type="PolarGridRPhi" grid_size_r="(340*mm-100*mm)/64" '
        'grid_size_phi="360/48*degree" offset_r="100*mm+0.5*240*mm/64" '
        'offset_phi="360/48*degree*0.5"/><id>${CaloID}</id>'
    )
    readout = f'<readouts><readout name="Hits">{grid}</readout></readouts>'
    ring = '<dimensions inner_r="100*mm" inner_z="2.5*m" outer_r="340*mm" phi_gap="2*mm"/>'
    geometry = read_dd4hep(compact(tmp_path, DEFINE, readout, detector(dimensions=ring)))
    cells = geometry.layers[0].segmentation
    assert isinstance(cells, Polar)
    assert cells.rows[0] == pytest.approx((100.0, 340.0, 64, 48))
    assert cells.phi == pytest.approx((0.0, 2.0 * math.pi))
    assert geometry.readout == "system:5,layer:9,x:32:-16,y:-16"


def test_hexagons_change_x_and_y(tmp_path: Path) -> None:
    grid = '<segmentation type="HexGrid" side_length="10*mm" stagger="2"/>'
    readout = f'<readouts><readout name="Hits">{grid}</readout></readouts>'
    ring = '<dimensions zmin="1*m" rmin="0" rmax="200*mm"/>'
    geometry = read_dd4hep(compact(tmp_path, DEFINE, readout, detector(dimensions=ring)))
    root = math.sqrt(3.0)
    cells = geometry.layers[0].segmentation
    assert isinstance(cells, Hexagonal)
    assert cells.pitch_mm == pytest.approx(10.0 * root)
    # DD4hep's cell (0, 0) of layer 1 is at x = s / 2, y = sqrt(3)/2 s + sqrt(3)/4 s.
    assert cells.offset_mm == pytest.approx((7.5 * root, 5.0))
    # Its cell (1, 1) lies 1.5 s further in x and sqrt(3)/2 s in y.
    centre = torch.tensor([[7.5 * root + 5.0 * root, 5.0 + 15.0]])
    cell = geometry.cell_at(torch.tensor([0]), centre)
    assert torch.allclose(geometry.position(cell)[:, :2], centre, atol=1e-4)


def test_each_sensitive_slice_is_a_layer(tmp_path: Path) -> None:
    double = """
      <layer repeat="2">
        <slice material="Si" thickness="0.5*mm" sensitive="yes"/>
        <slice material="Tungsten" thickness="2*mm"/>
        <slice material="Si" thickness="0.5*mm" sensitive="yes"/>
      </layer>"""
    geometry = read_dd4hep(compact(tmp_path, DEFINE, READOUT, detector(layers=double)))
    assert [layer.absorber for layer in geometry.layers] == [(), (("W", 2.0),)] * 2
    assert geometry.layer_z.tolist() == pytest.approx([0.25, 2.75, 3.25, 5.75])


MATERIALS = """<materials>
  <element name="Oxygen" formula="O" Z="8"/>
  <material name="TungstenDens24"><D value="17.0" unit="g/cm3"/>
    <fraction n="0.95" ref="W"/><fraction n="0.05" ref="Ni"/></material>
  <material name="Water"><D value="1000" unit="kg/m3"/>
    <composite n="2" ref="H"/><composite n="1" ref="Oxygen"/></material>
  <material name="G10"><D type="density" value="2*0.5" unit="g/cm3"/>
    <fraction n="1" ref="Water"/></material>
  <material Z="14" name="Silicon"><D unit="g/cm3" value="2.33"/><atom value="28.1"/></material>
</materials>"""


def test_materials_of_the_file_count(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "materials.xml").write_text(MATERIALS)
    includes = '<includes><gdmlFile ref="parts/materials.xml"/></includes>'
    geometry = read_dd4hep(compact(tmp_path, includes, DEFINE, READOUT, detector()))
    (water, _), (tungsten, _) = geometry.layers[1].absorber
    assert tungsten == "TungstenDens24 17 g/cm3 (W 0.95 Ni 0.05)"
    assert water == "G10 1 g/cm3 (H 0.1119 O 0.8881)"
    # The PDG's water: X0 = 36.08 g/cm2.
    assert material(water).radiation == pytest.approx(36.08, rel=2e-3)
    assert geometry.layers[0].active == ("Si", 0.5)


def test_includes_are_read_once_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "defs.xml").write_text(DEFINE)
    compact(tmp_path, READOUT, detector(), '<include ref="../top.xml"/>', name="sub/calo.xml")
    path = compact(
        tmp_path,
        '<include ref="${DD4hepINSTALL}/types.xml"/>',
        '<include ref="sub/calo.xml"/><define><include ref="sub/defs.xml"/></define>',
    )
    assert read_dd4hep(path).num_layers == 4


def test_one_of_several_calorimeters_is_chosen_by_name(tmp_path: Path) -> None:
    tracker = detector("Tracker").replace("<staves", '<sensitive type="tracker"/><staves')
    path = compact(tmp_path, DEFINE, READOUT, detector(), detector("Endcap"), tracker)
    message = r"top.xml: has 2 calorimeters: Barrel, Endcap; .* geometry=.*top.xml#Barrel"
    with pytest.raises(ValueError, match=message):
        read_dd4hep(path)
    assert read_dd4hep(path, "Endcap").name == "top_Endcap"
    with pytest.raises(ValueError, match="has no detector 'Plug'; calorimeters: Barrel, Endcap"):
        read_dd4hep(path, "Plug")


def test_constants_that_double_many_times_are_worked_out_once(tmp_path: Path) -> None:
    chain = [f'<constant name="c{n}" value="c{n + 1}+c{n + 1}"/>' for n in range(60)]
    last = '<constant name="c60" value="1e-18*mm"/>'
    define = f"<define>{''.join(chain)}{last}</define>"
    path = compact(tmp_path, without(WHOLE, '"5.0*mm"', '"c0"'), define)
    assert read_dd4hep(path).layers[0].segmentation.pitch_mm[0] == pytest.approx(1.152921505)
