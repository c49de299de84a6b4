"""Comparing two samples of showers: observables, metrics with their floor, classifier, report."""

from pointcalo.validation.classifier import auc_features
from pointcalo.validation.metrics import Metric

__all__ = ["Metric", "auc_features"]
