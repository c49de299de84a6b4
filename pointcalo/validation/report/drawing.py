"""How figures look: type, colours, and SVG text that is the same for the same numbers."""

import io
import re
from itertools import cycle, islice

import matplotlib as mpl
from matplotlib.figure import Figure

REFERENCE_COLOUR = "#444444"
# Okabe and Ito 2008: told apart with any colour vision; by line style and marker in print.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("--", "-", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LONGEST_LABEL = 28
STYLE = {
    "font.size": 11,
    "axes.labelsize": 12,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "svg.hashsalt": "pointcalo",
    "svg.fonttype": "none",  # half the size; browsers have much the same letters
}


def looks(number: int) -> list[tuple]:
    """Colour, line style and marker of each of so many samples."""
    return list(islice(zip(cycle(COLOURS), cycle(LINES), cycle(MARKERS), strict=False), number))


def legend_label(label: str) -> str:
    """A label as matplotlib takes it: no mathematics, not hidden, not too long."""
    if len(label) > LONGEST_LABEL:
        label = label[: LONGEST_LABEL - 1] + "…"
    label = label.replace("$", r"\$")
    return f" {label}" if label.startswith("_") else label


def quantity(title: str, unit: str) -> str:
    """Text of an axis."""
    return title if unit == "1" else f"{title} [{unit}]"


def svg_of(figure: Figure) -> str:
    """SVG of a figure, the same for the same figure."""
    text = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(text, format="svg", metadata={"Date": None})
    shorter = re.sub(r"(\d{2,}\.\d\d)\d+", r"\1", text.getvalue())
    return re.sub(r"\s*\n\s*", " ", shorter)
