"""Comparing two samples of showers: observables, metrics with their floor, report.

The way of the data, from top to bottom; each module knows those above it only:

- `hits`, with `groups` and `surroundings`: showers as columns of hits, their sums and neighbours;
- `observables`, which give `values`; `features`, with `clustering_features`: numbers of a shower;
- `measurement`: all of these of a sample, in one pass over it; `images`: of its first showers;
- `metrics`: numbers with errors from two measurements, whose showers `pairing` makes partners;
- `samples`: files read and measured, and the floor;
- `compare`, then `slices`: metrics beside their floor, of all showers and in ranges;
- `judgement`, then `report`: what was found of a sample, as a page and as files.

`calochallenge` stands apart: separation powers as that challenge's own evaluation has them.
"""
