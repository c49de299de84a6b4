"""Run a file with a program: numpy and the runtime of its format are all it takes."""

import ctypes
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pointcalo.programs.library import library

Program = Callable[[Sequence[np.ndarray]], list[np.ndarray]]
"""A file with a program: the arrays of its inputs, in order, to those of its outputs."""

SOURCE = "source"  # folder of a program in C++


def open_program(path: Path) -> Program:
    """A file with a program, as a function of the arrays of its inputs in order.

    Raises:
        ImportError, OSError: its runtime, or a compiler, is not installed.
        ValueError: the file is damaged.
    """
    return RUNTIMES[path.suffix](path)


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


class Cpp:
    """Tables for the program in C++ that lies in `source` beside them."""

    def __init__(self, path: Path) -> None:
        self._library = library(path.parent / SOURCE / "generator.cpp")
        self._library.pointcalo_open.restype = ctypes.c_void_p
        self._library.pointcalo_error.restype = ctypes.c_char_p
        self._library.pointcalo_generate.restype = ctypes.c_int64
        self._handle = ctypes.c_void_p(self._library.pointcalo_open(str(path).encode()))
        if error := self._error():
            raise ValueError(error)

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self._library.pointcalo_close(self._handle)

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Outputs of the program: ptr, layer, cell and points.

        Raises:
            ValueError: a shower that it cannot make.
        """
        *particles, seed, first = inputs
        particles = [np.ascontiguousarray(column) for column in particles]
        size, numbers = len(particles[0]), particles[-1].shape[1]
        ptr = np.zeros(size + 1, dtype=np.int64)
        failed = self._library.pointcalo_generate(
            *(self._handle, ctypes.c_int64(size), ctypes.c_int(1)),
            *map(_address, particles),
            *(ctypes.c_int(numbers), ctypes.c_int64(int(seed)), ctypes.c_int64(int(first))),
            _address(ptr),
        )
        if failed >= 0:
            raise ValueError(
                f"particle {failed}: "
                + (
                    self._error()
                    or "a layer of its shower has more than 2000 hits, or more than it has cells; "
                    "simulate it in full"
                )
            )
        layer, cell = (np.empty(ptr[-1], dtype=np.int64) for _ in range(2))
        points = np.empty((ptr[-1], 4), dtype=np.float32)
        self._library.pointcalo_hits(self._handle, *map(_address, (layer, cell, points)))
        return [ptr, layer, cell, points]

    def _error(self) -> str:
        return self._library.pointcalo_error(self._handle).decode()


def _address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


RUNTIMES: Mapping[str, Callable[[Path], Program]] = {
    ".pt": TorchScript,
    ".onnx": Onnx,
    ".safetensors": Cpp,
}
