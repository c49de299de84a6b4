from pathlib import Path

import numpy as np
import pytest

from pointcalo.cli.main import main


def test_list_names_every_geometry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["geometry", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)
    assert any(line.startswith("toy") and "for tests" in line for line in lines)


def test_list_imports_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys; from pointcalo.cli.geometry import run; run(['list']); "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_show_says_layers_cells_and_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["geometry", "show", "hgcal"]) == 0
    text = capsys.readouterr().out
    assert "26 layers, 175214 cells, hash " in text
    assert "1-25" in text and "hexagonal 11.6 mm" in text and "23.0 radiation lengths" in text


def test_check_finds_nothing_or_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["geometry", "check", "calogan"]) == 0
    assert "fine, 3 layers, 504 cells" in capsys.readouterr().out
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: wrong\nlayers:\n  - {active: [Si, 0.5]}\n")
    assert main(["geometry", "check", str(wrong)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "layer 0: missing key 'segmentation'" in error
    segmentation = "{type: hexagonal, pitch_mm: 10, radius_mm: 8, inner_radius_mm: 5}"
    wrong.write_text(
        f"name: wrong\nlayers:\n  - active: [Si, 0.5]\n    segmentation: {segmentation}\n"
    )
    assert main(["geometry", "check", str(wrong)]) == 2
    assert "layer 0 has no cells" in capsys.readouterr().err


def test_check_finds_parts_that_overlap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = "{type: cartesian, pitch_mm: 5, nx: 4, ny: 4}"
    path = tmp_path / "overlap.yaml"
    path.write_text(
        f"name: overlap\nlayers:\n  - active: [Si, 0.5]\n    segmentation: [{part}, {part}]\n"
    )
    assert main(["geometry", "check", str(path)]) == 2
    assert "the centre of cell 16 lies in another cell, layer 0" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["toy", "calogan"])
def test_plot_writes_a_figure(name: str, tmp_path: Path) -> None:
    output = tmp_path / f"{name}.png"
    assert main(["geometry", "plot", name, f"output={output}", "layer=1"]) == 0
    assert output.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["draw"], "unknown sub-command 'draw'"),
        (["show"], "geometry show got none; expected one name or file"),
        (["list", "toy"], "expected no arguments"),
        (["show", "toy", "output=a.png"], "geometry show has no option output"),
        (["plot", "toy", "layer=8"], "toy has layers 0 to 7"),
        (["plot", "toy", "output=toy.xyz"], "expected a name that ends in"),
        (["check", "nothing"], "no geometry 'nothing'"),
    ],
)
def test_mistakes_end_with_2_and_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["geometry", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_import_writes_a_yaml_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layers = '<Layer id="1" r_edges="0,5,10" n_bin_alpha="4"/>'
    xml, output = tmp_path / "bins.xml", tmp_path / "out.yaml"
    xml.write_text(f'<Bins><Bin pid="22" name="photon">{layers}</Bin></Bins>')
    command = ["geometry", "import", str(xml), str(output)]
    assert main(command) == 2 and not output.exists()
    error = capsys.readouterr().err
    assert "holds no depth (CaloChallenge binning XML, 1 layers); give layer_z_mm" in error
    assert main([*command, "layer_z_mm=[1e1]"]) == 0
    text = capsys.readouterr().out
    assert "CaloChallenge binning XML: CaloChallenge photon (pid 22); layers 1\n" in text
    assert "bins, 1 layers, 8 cells" in text
    assert "not in the file: depth, materials, threshold" in text
    assert "trains with data=FILE" in text and "threshold 0 MeV" in text
    assert main(["geometry", "check", str(output)]) == 0
    assert main([*command, "stack=[[W,2.0],[Si,0.5]]", "threshold_MeV=5e-2"]) == 0
    assert "stay unknown" not in capsys.readouterr().out
    assert main(["geometry", "show", str(output)]) == 0
    assert "0.05  Si 0.5 mm" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "toy.xml"], "got toy.xml; expected a file to read and one to write"),
        (["import", "toy.xml", "toy.h5"], "toy.h5: expected a file to write that ends in .yaml"),
        (["import", "toy.xml", "toy.yaml"], "toy.xml: is no file"),
        (["show", "toy", "layer=1"], "geometry show has no option layer, only layer_z_mm"),
        (["show", "toy", "layer_z_mm=[1"], "cannot read layer_z_mm=[1"),
        (["check", "toy", "geometry_unit=feet"], "geometry_unit is 'feet'; expected mm, cm or m"),
    ],
)
def test_mistakes_of_options_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["geometry", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error


def test_import_never_writes_over_what_it_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "mine.cells.npz"
    np.savez(source, layer=np.zeros(2), x_mm=np.array([0.0, 5.0]), y_mm=np.zeros(2))
    before = source.read_bytes()
    command = ["geometry", "import", str(source), str(tmp_path / "mine.yaml"), "layer_z_mm=5"]
    assert main(command) == 2
    assert "mine.cells.npz beside it, is the file to read" in capsys.readouterr().err
    assert source.read_bytes() == before and list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("action", ["list", "show", "check", "plot", "import"])
def test_every_sub_command_has_help(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["geometry", action, "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: pointcalo geometry")
