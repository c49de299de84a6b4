"""Run a file with a program: numpy and the runtime of its format are all it takes."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

Program = Callable[[Sequence[np.ndarray]], list[np.ndarray]]
"""A file with a program: the arrays of its inputs, in order, to those of its outputs."""


def open_program(path: Path) -> Program:
    """A file with a program, as a function of the arrays of its inputs in order.

    Raises:
        ImportError: its runtime is not installed.
    """
    return Onnx(path) if path.suffix == ".onnx" else TorchScript(path)


class TorchScript:
    """Of LibTorch, by torch."""

    def __init__(self, path: Path) -> None:
        import torch

        self._torch = torch
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self._program = torch.jit.load(str(path), map_location="cpu")

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Outputs of the program."""
        # the optimiser of TorchScript takes seconds for each new size, and gains nothing here
        with self._torch.no_grad(), self._torch.jit.optimized_execution(False):
            outputs = self._program(*map(self._torch.from_numpy, inputs))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return [output.numpy() for output in outputs]


class Onnx:
    """Of ONNX Runtime."""

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                f"{path}: onnxruntime is not installed: pip install onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors: shapes that are empty are none
        options.intra_op_num_threads = 1  # its operations are small
        options.enable_mem_reuse = False  # planning it takes minutes in 1.20 and earlier
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._names = [entry.name for entry in self._session.get_inputs()]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Outputs of the program."""
        return self._session.run(None, dict(zip(self._names, inputs, strict=True)))
