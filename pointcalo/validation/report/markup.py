"""Pieces of HTML: tables whose columns sort, images, figures with captions."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: What it says.
        order: What its column is sorted by, where that is not the text.
    """

    text: str
    order: float | None = None


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str | Cell]]) -> str:
    """A table in a box of its own that scrolls; its head sorts it."""
    columns = "".join(
        f'<th scope="col"><button type="button">{escape(name)}</button></th>' for name in head
    )
    body = "".join(map(row, rows))
    return (
        f'<div class="scroll" role="region" aria-label="{escape(caption)}" tabindex="0">'
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{columns}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def row(cells: Sequence[str | Cell]) -> str:
    """A row; the first cell is its head."""
    first, *others = (cell if isinstance(cell, Cell) else Cell(cell) for cell in cells)
    rest = "".join(f"<td{_order(cell)}>{escape(cell.text)}</td>" for cell in others)
    return f'<tr><th scope="row"{_order(first)}>{escape(first.text)}</th>{rest}</tr>\n'


def picture(svg: str, alt: str, caption: str, kind: str = "") -> str:
    """A figure; `alt` says what is seen, `kind` is its class."""
    coded = base64.b64encode(svg.encode()).decode()
    named = f' class="{kind}"' if kind else ""
    return (
        f'<figure{named}><div class="scroll"><img alt="{escape(alt)}" '
        f'src="data:image/svg+xml;base64,{coded}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>\n"
    )


def bullets(lines: Iterable[str], kind: str = "") -> str:
    """A list; nothing where there are no lines."""
    named = f' class="{kind}"' if kind else ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul{named}>{items}</ul>" if items else ""


def _order(cell: Cell) -> str:
    return "" if cell.order is None else f' data-order="{cell.order:.9g}"'
