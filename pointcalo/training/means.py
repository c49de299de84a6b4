"""Running means of what is measured at every step."""


class Means:
    """Means by name since they were last taken.

    Attributes:
        sums: sum and number of values by name, as a checkpoint stores them.
    """

    def __init__(self) -> None:
        self.sums: dict[str, list[float]] = {}

    def add(self, values: dict[str, float]) -> None:
        """Add one value of each name given."""
        for name, value in values.items():
            total = self.sums.setdefault(name, [0.0, 0])
            total[0] += value
            total[1] += 1

    def take(self) -> dict[str, float]:
        """The means, which begin anew."""
        means = {name: total / count for name, (total, count) in self.sums.items()}
        self.sums = {}
        return means
