"""Generators, critics, encoders and the profile model: networks without objectives."""
