"""Showers by a program in C++, compiled for the machine: the same ones as torch makes.

Torch takes most of its time for rows that go to and fro between memory and small operations. Here a
shower is made from beginning to end in the processor's cache, alone: it costs as much in a batch of
one as in a large one. Each file in C++ names the file of the networks that it follows.
"""

from pointcalo.sampling.compiled.engine import CompiledEngine

__all__ = ["CompiledEngine"]
