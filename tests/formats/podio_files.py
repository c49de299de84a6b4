"""EDM4hep files with podio's trees and names of branches, as far as uproot writes them."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

DTYPES = {
    **dict.fromkeys(("cellID",), "uint64"),
    **dict.fromkeys(("contributions_begin", "contributions_end"), "uint32"),
    **dict.fromkeys(("index", "PDG", "generatorStatus"), "int32"),
    **dict.fromkeys(("mass",), "float64"),
}


def podio_file(path: Path, branches: dict[str, Any], encodings: dict[str, str]) -> Path:
    """A file with podio's trees and names, as far as uproot writes them."""
    arrays = {}
    for name, events in branches.items():
        last = name.split(".")[1] if name.startswith("MCParticles") else name.rpartition(".")[2]
        dtype = DTYPES.get(last, "float64" if last in ("vertex", "momentum") else "float32")
        values = np.array([value for event in events for value in event], dtype=dtype)
        arrays[name] = ak.unflatten(values, [len(event) for event in events])
    keys = [f"{name}__CellIDEncoding" for name in encodings]
    with uproot.recreate(path) as file:
        types = {name: f"var * {ak.flatten(a).to_numpy().dtype}" for name, a in arrays.items()}
        tree = file.mktree("events", types, counter_name=lambda name: "n" + name.replace(".", "_"))
        tree.extend(arrays)
        file.mktree("podio_metadata", {"version": "int32"})
        if keys:
            values = ak.Array([[[text] for text in encodings.values()]])
            file.mkrntuple("metadata", {"GPStringKeys": ak.Array([keys]), "GPStringValues": values})
    return path
