"""What a program that is traced holds, and what it does not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def untraced(function: Callable[..., Result]) -> Callable[..., Result]:
    """A function whose results a program holds, and not how they come about."""

    def elsewhere(*arguments: object) -> Result:
        with ThreadPoolExecutor(1) as thread:  # tracing belongs to a thread
            return thread.submit(function, *arguments).result()

    return elsewhere
