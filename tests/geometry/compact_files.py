"""DD4hep compact files in the structure of ILD, CLIC, CLD and the Open Data Detector."""

from pathlib import Path

DEFINE = """
  <define>
    <constant name="world_side" value="30*m"/>
    <constant name="ecal_symmetry" value="12"/>
    <constant name="ecal_rmin" value="1500*mm"/>
    <constant name="ecal_hlength" value="1.0*m"/>
    <constant name="cell" value="5.0*mm"/>
    <constant name="CaloID" type="string" value="system:5,layer:9,x:32:-16,y:-16"/>
    <comment> names: <constant name="cell" value="1*km"/> </comment>
  </define>"""
READOUT = """
  <readouts>
    <readout name="Hits">
      <segmentation type="CartesianGridXY" grid_size_x="cell" grid_size_y="2*cell"/>
      <id> system:8, barrel:3, layer:6, x:32:-16, y:-16 </id>
    </readout>
  </readouts>"""
DIMENSIONS = '<dimensions numsides="ecal_symmetry" rmin="ecal_rmin" z="ecal_hlength*2" />'
LAYERS = """
      <layer repeat="3" vis="LayerVis">
        <slice material = "TungstenDens24" thickness = "1.90*mm" vis="V" radiator="yes"/>
        <slice material = "Air"            thickness = "0.0*mm"/>
        <slice material = "Silicon"        thickness = "0.50*mm" sensitive="yes" limits="cal"/>
        <slice material = "G10"            thickness = "0.075*cm"/>
      </layer>
      <layer repeat="(4+2)/3 - 1">
        <slice material="Steel235" thickness="2*1.90*mm"/>
        <slice material="Silicon" thickness="0.50*mm" sensitive="yes"/>
        <slice material="Air" thickness="10*mm"/>
      </layer>"""


def detector(name: str = "Barrel", dimensions: str = DIMENSIONS, layers: str = LAYERS) -> str:
    return f"""
  <detectors>
    <detector name="{name}" type="Generic_Cal" id="20" readout="Hits" vis="V" gap="0.*cm">
      <comment>a calorimeter</comment>
      <envelope><shape type="PolyhedraRegular" numsides="unknown" material="Air"/></envelope>
      {dimensions}<staves vis="V"/>{layers}
    </detector>
  </detectors>"""


def compact(place: Path, *parts: str, name: str = "top.xml") -> Path:
    path = place / name
    text = "".join(parts or (DEFINE, READOUT, detector()))
    path.write_text(f"<lccdd>\n<info name='X' title='x'/>{text}\n</lccdd>")
    return path


WHOLE = DEFINE + READOUT + detector()


def without(text: str, old: str, new: str = "") -> str:
    assert old in text
    return text.replace(old, new)
