"""Comparing two samples of showers: observables, metrics with their floor, report."""
