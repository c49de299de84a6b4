"""When a training has gone wrong, and when it is good enough to come back to."""

from math import isfinite

FAR = 2.0
"""Times max(1, |best|) that a validation loss may lie above its best. In nats per hit or layer, the
unit of the likelihoods here, 2 is far beyond any fluctuation."""
COLLAPSED = 4.0
"""Times its best that the judged distance may grow to, ..."""
LARGE = 0.5
"""... if it is larger than this, too: half a standard deviation, on average over observables."""
GOOD = 2.0
"""Times its best up to which a judged distance is one to come back to."""


class DivergenceError(Exception):
    """A loss or a gradient is not finite, a loss is far above its best, or showers collapsed."""


def check_losses(losses: dict[str, float], best: dict[str, float], step: int) -> None:
    """Look at validation losses.

    Args:
        losses: of each player.
        best: lowest so far of each independent player, this one included.
        step: for the message.

    Raises:
        DivergenceError: one is not finite, or far above its best.
    """
    for name, loss in losses.items():
        if not isfinite(loss):
            raise DivergenceError(f"player {name!r}, step {step}: validation loss {loss:.3g}")
        if name in best and loss - best[name] > FAR * max(1.0, abs(best[name])):
            raise DivergenceError(
                f"player {name!r}, step {step}: validation loss {loss:.4g}, more than {FAR:g} "
                f"max(1, |best|) above its best of {best[name]:.4g}"
            )


def check_judged(distance: float, best: float, step: int) -> None:
    """Look at the judged distance of the showers, of which ``best`` is the lowest so far.

    Raises:
        DivergenceError: it is far above its best.
    """
    if isfinite(best) and distance > max(COLLAPSED * best, LARGE):
        raise DivergenceError(
            f"step {step}: showers collapsed, judged distance {distance:.3g}, more than "
            f"{COLLAPSED:g} times its best of {best:.3g} and than {LARGE:g}"
        )


def is_good(distance: float | None, best: float) -> bool:
    """Whether the last judged distance, if any, is one to come back to."""
    return distance is None or not distance > GOOD * best
