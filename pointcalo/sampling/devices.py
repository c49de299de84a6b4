"""Showers from several devices at once, and their way back to the CPU."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import torch
from torch import Tensor

from pointcalo.sampling.sampler import PROFILE_BATCH, Sampler
from pointcalo.showers import Incident, Showers

AHEAD = 2  # chunks for each device that are made or wait for their turn, which bounds the memory


def sample_on(
    samplers: Sequence[Sampler], incident: Incident, seed: int, first: int = 0
) -> Iterator[Showers]:
    """Showers of these particles, in order, on the CPU: the same ones from however many devices.

    Each device has a thread; chunks of particles go to the one that is free.

    Args:
        samplers: of the same model, one for each device (two of them may be one device).
        incident: S particles, on the CPU.
        seed: of the run.
        first: number of the first shower, which chooses its random stream.
    """
    if len(samplers) == 1:
        yield from on_cpu(samplers[0].sample(_sent(incident, samplers[0]), seed, first))
        return
    free: SimpleQueue[Sampler] = SimpleQueue()
    for sampler in samplers:
        free.put(sampler)

    def made(start: int) -> list[Showers]:
        sampler = free.get()
        try:
            chunk = _sent(incident[start : start + size], sampler)
            return list(on_cpu(sampler.sample(chunk, seed, first + start)))
        finally:
            free.put(sampler)

    size = min(PROFILE_BATCH, -(-len(incident) // len(samplers)))
    waiting: deque[Future[list[Showers]]] = deque()
    with ThreadPoolExecutor(len(samplers)) as threads:
        try:
            for start in range(0, len(incident), size):
                waiting.append(threads.submit(made, start))
                if len(waiting) == AHEAD * len(samplers):
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def on_cpu(batches: Iterable[Showers]) -> Iterator[Showers]:
    """Showers on cells, on the CPU; from CUDA each batch is copied while the next one is made."""
    before = None
    for showers in batches:
        copy = _Copy(showers)
        if before is not None:
            yield before.showers()
        before = copy
    if before is not None:
        yield before.showers()


class _Copy:
    """A copy that has begun; the memory that it goes to is pinned, by torch."""

    def __init__(self, showers: Showers) -> None:
        self.names = tuple(showers.incident.extra)
        tensors = showers.points, showers.layer, showers.ptr, showers.cell
        tensors += showers.incident.tensors(self.names)
        is_cuda = showers.points.is_cuda
        self.tensors = [tensor.to("cpu", non_blocking=is_cuda) for tensor in tensors]
        self.event = None
        if is_cuda:
            self.event = torch.cuda.Event()
            self.event.record(torch.cuda.current_stream(showers.points.device))

    def showers(self) -> Showers:
        """What was copied, when it is there."""
        if self.event is not None:
            self.event.synchronize()
        points, layer, ptr, cell, *incident = self.tensors
        return Showers(
            points=points,
            layer=layer,
            ptr=ptr,
            incident=Incident.of_tensors(incident, self.names),
            cell=cell,
        )


def _sent(incident: Incident, sampler: Sampler) -> Incident:
    """Particles on the device of a sampler, through pinned memory where that is CUDA."""
    device = sampler.geometry.device
    if device.type != "cuda":
        return incident.to(device)

    def sent(column: Tensor) -> Tensor:
        return column.pin_memory().to(device, non_blocking=True)

    return incident.each(sent)
