"""metrics.csv: one row a step at which a training was validated or judged."""

import csv
from pathlib import Path

from pointcalo.atomic import written_beside


class MetricsFile:
    """A table with one column a quantity, rewritten whole at each row so that it is never torn.

    Args:
        path: the CSV file; rows that it holds already are kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, str]] = []
        if path.is_file():
            with path.open(newline="") as file:
                self.rows = list(csv.DictReader(file))

    def append(self, row: dict[str, float]) -> None:
        """Add a row with its ``step``, or complete the last row where it is of the same."""
        text = {name: _text(value) for name, value in row.items()}
        if self.rows and self.rows[-1]["step"] == text["step"]:
            self.rows[-1].update(text)
        else:
            self.rows.append(text)
        self._write()

    def forget_after(self, step: int) -> None:
        """Drop the rows of steps after ``step``: a training that resumes there makes them again."""
        self.rows = [row for row in self.rows if int(row["step"]) <= step]
        self._write()

    def _write(self) -> None:
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        with written_beside(self.path) as beside, beside.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(self.rows)


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.7g}"
