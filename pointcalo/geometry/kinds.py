"""The kinds of segmentations by the name they have in geometry files."""

from pointcalo.geometry.cartesian import Cartesian, CartesianSheets
from pointcalo.geometry.eta_phi import EtaPhi, EtaPhiSheets
from pointcalo.geometry.hexagonal import Hexagonal, HexagonalSheets
from pointcalo.geometry.polar import Polar, PolarSheets
from pointcalo.geometry.segmentation import FormulaSegmentation
from pointcalo.geometry.sheets import Sheets
from pointcalo.geometry.table import CellTable, TableSheets

FORMULAS: dict[str, type[FormulaSegmentation]] = {
    cls.kind: cls for cls in (Hexagonal, Cartesian, Polar, EtaPhi)
}

SHEETS_OF_KIND: dict[str, type[Sheets]] = {
    Hexagonal.kind: HexagonalSheets,
    Cartesian.kind: CartesianSheets,
    Polar.kind: PolarSheets,
    EtaPhi.kind: EtaPhiSheets,
    CellTable.kind: TableSheets,
}
