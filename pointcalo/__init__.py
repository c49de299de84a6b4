"""Generative models of calorimeter showers on any cell layout."""

__version__ = "0.1.0"
