"""Number formats in which networks are trained and sampled."""

PRECISIONS = ("32-true", "bf16-mixed")


def check_precision(name: str) -> str:
    """The name, if it is one of `PRECISIONS`.

    Raises:
        ValueError: it is not.
    """
    if name not in PRECISIONS:
        raise ValueError(f"precision {name!r}: expected one of {', '.join(PRECISIONS)}")
    return name
