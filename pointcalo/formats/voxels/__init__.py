"""Layouts of voxels: a number for every cell of a fixed grid."""
