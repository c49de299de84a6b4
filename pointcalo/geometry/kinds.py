"""The kinds of segmentations by the name they have in geometry files."""

from pointcalo.geometry.cartesian import Cartesian, CartesianSheets
from pointcalo.geometry.composite import Composite
from pointcalo.geometry.hexagonal import Hexagonal, HexagonalSheets
from pointcalo.geometry.segmentation import Segmentation
from pointcalo.geometry.sheets import Sheets

SEGMENTATIONS: dict[str, type[Segmentation]] = {
    cls.kind: cls for cls in (Hexagonal, Cartesian, Composite)
}

SHEETS_OF_KIND: dict[str, type[Sheets]] = {
    Hexagonal.kind: HexagonalSheets,
    Cartesian.kind: CartesianSheets,
}
