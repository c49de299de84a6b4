"""What the report says and writes, without drawing it."""

import csv
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pointcalo.validation.compare import Comparison
from pointcalo.validation.judgement import Judgement
from pointcalo.validation.metrics import METRICS, Estimate
from pointcalo.validation.metrics.estimate import TOO_FEW, UNDEFINED
from pointcalo.validation.observables import OBSERVABLES
from pointcalo.validation.report.curves import Curve, curves, deviation
from pointcalo.validation.report.drawing import legend_label
from pointcalo.validation.report.files import write_metrics, write_slices
from pointcalo.validation.report.numbers import pair, with_unit
from pointcalo.validation.report.verdict import statement, verdict_lines, worst
from pointcalo.validation.slices import Slice, SliceComparison
from pointcalo.validation.values import Values

BY_NAME = {metric.name: metric for metric in METRICS}


def compared(name: str, value: float, floor: float, status: str = "ok") -> Comparison:
    error = 0.01
    return Comparison(
        BY_NAME[name], Estimate(value, error, 2000, status), Estimate(floor, error, 2000)
    )


def judgement(label: str, slices: tuple[SliceComparison, ...] = ()) -> Judgement:
    comparisons = {
        "auc_features": compared("auc_features", 0.7, 0.5),
        "wasserstein_hits": compared("wasserstein_hits", 0.3, 0.1),
        "ks_hits": compared("ks_hits", 0.5, 0.1),
        "wasserstein_layer_hits": compared("wasserstein_layer_hits", 0.2, 0.1),
    }
    return Judgement(label, SimpleNamespace(is_parametric=False), comparisons, slices=slices)


def test_several_samples_are_told_apart_in_the_files(tmp_path: Path) -> None:
    write_metrics([judgement("a")], tmp_path)
    one = json.loads((tmp_path / "metrics.json").read_text())
    assert one["auc_features"]["value"] == 0.7
    write_metrics([judgement("a"), judgement("b, c")], tmp_path)
    both = json.loads((tmp_path / "metrics.json").read_text())
    assert list(both) == ["a", "b, c"]
    assert both["a"]["auc_features"]["value"] == 0.7
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert [row["sample"] for row in rows] == ["a"] * 4 + ["b, c"] * 4
    assert rows[1]["metric"] == "wasserstein_hits" and float(rows[1]["floor"]) == 0.1


def test_slices_are_written_where_there_are_any(tmp_path: Path) -> None:
    write_slices([judgement("a")], tmp_path)
    assert not (tmp_path / "slices.csv").exists()
    part = Slice("energy", "1-10 GeV", 1000.0, 10_000.0, torch.arange(5))
    comparisons = {"ks_hits": compared("ks_hits", 0.2, 0.1)}
    write_slices([judgement("a", (SliceComparison(part, comparisons),))], tmp_path)
    (row,) = csv.DictReader((tmp_path / "slices.csv").read_text().splitlines())
    assert (row["slice"], row["metric"], row["value"]) == ("1-10 GeV", "ks_hits", "0.2")
    assert float(row["low"]) == 1000 and row["status"] == "ok"


def test_the_verdict_says_whether_the_floor_is_left() -> None:
    far, near = ({"auc_features": compared("auc_features", auc, 0.5)} for auc in (0.7, 0.51))
    assert statement(far).startswith("A classifier tells it from the reference.")
    assert "1 of 1 metrics lie more than 3 errors" in statement(far)
    assert "no better than the floor. 0 of 1" in statement(near)
    few = {"auc_features": compared("auc_features", 0.7, 0.5, TOO_FEW)}
    assert "No verdict by a classifier (too few)" in statement(few)
    assert "too few" in verdict_lines(few)[0]
    assert verdict_lines({}) == []


def test_each_observable_stands_once_among_the_worst() -> None:
    found = worst(judgement("a").comparisons)
    assert [one.metric.name for one in found] == ["ks_hits", "wasserstein_layer_hits"]


def test_words_name_the_bin_that_deviates_most() -> None:
    edges = np.arange(4.0)
    reference = Curve(edges, np.ones(3), np.full(3, 0.03))
    generated = Curve(edges, np.array([1.0, 1.5, 1.0]), np.full(3, 0.04))
    said = deviation(generated, reference)
    assert "near 1.5 where the ratio is 1.50 ± 0.05" in said
    assert "mean deviation 16.7%" in said
    empty = Curve(edges, np.zeros(3), np.zeros(3))
    assert deviation(generated, empty) == "no bin to compare"


def test_spectra_of_groups_are_drawn_by_their_medians() -> None:
    observable = next(one for one in OBSERVABLES if one.name == "delay_by_radius")
    number = 400  # showers with the delays 1 to 400 and a late one near the axis, none further out
    value = torch.cat([1 + torch.arange(number), torch.full((number,), 1e6)]).double()
    shower = torch.arange(number).repeat(2)
    weight = torch.cat([torch.ones(number), torch.full((number,), 0.5)]).double()
    values = Values(value, weight, shower, torch.zeros(2 * number).long(), number, 8)
    (curve,) = curves(observable, values, [])
    assert tuple(curve.edges) == observable.edges
    assert curve.height[0] == 300  # half of the weight, 600, is reached there
    # Quantiles 0.5 -+ 0.5 / sqrt(400) of the weight: 285 and 315.
    assert curve.error[0] == 15
    assert np.isnan(curve.height[1:]).all() and np.isnan(curve.error[1:]).all()


@pytest.mark.parametrize(("label", "shown"), [("_a", " _a"), ("$x$", r"\$x\$"), ("a" * 40, None)])
def test_labels_are_shown_as_they_are(label: str, shown: str | None) -> None:
    assert legend_label(label) == (shown or "a" * 27 + "…")


def test_numbers_have_the_digits_of_their_errors() -> None:
    assert pair(Estimate(0.12345, 0.0123, 100)) == "0.123 ± 0.012"
    assert pair(Estimate(1234.5, 123.0, 100)) == "1234 ± 123"
    assert with_unit(compared("wasserstein_radial", 0.3, 0.1)) == "0.300 ± 0.010 mm"


@pytest.mark.parametrize("status", [TOO_FEW, UNDEFINED, "no run"])
def test_what_has_no_value_is_said_in_words(status: str) -> None:
    none = Estimate(math.nan, math.nan, 10, status)
    assert pair(none) == status
    assert with_unit(Comparison(BY_NAME["wasserstein_radial"], none, none)) == status
