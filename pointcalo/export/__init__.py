"""Generators as files that run without this package: one program, and a description beside it.

`load` needs no more than the program's own runtime; `write_folder` needs the model.
"""
