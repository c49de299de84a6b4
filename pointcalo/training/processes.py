"""The processes of a training: one alone, or those that torchrun or srun started."""

import os

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from torch import Tensor, distributed, nn

from pointcalo.nn.precision import check_precision


class Processes:
    """Device and number format of this process, and the sums it makes with the others.

    Args:
        accelerator: "cpu", "cuda", or "auto": CUDA where there is a device, else the CPU.
        precision: "32-true", "bf16-mixed", or None for bf16 where CUDA has it.
    """

    def __init__(self, accelerator: str = "auto", precision: str | None = None) -> None:
        if accelerator == "auto":
            accelerator = "cuda" if torch.cuda.is_available() else "cpu"
        if accelerator == "cuda" and not torch.cuda.is_available():
            raise ValueError("accelerator 'cuda': torch finds no CUDA device; take cpu or auto")
        if precision is None:
            bf16 = accelerator == "cuda" and torch.cuda.is_bf16_supported()
            precision = "bf16-mixed" if bf16 else "32-true"
        environment, devices, nodes = _environment()
        self.fabric = Fabric(
            accelerator=accelerator,
            strategy="auto" if devices * nodes == 1 else "ddp",
            devices=devices,
            num_nodes=nodes,
            precision=check_precision(precision),
            plugins=[environment],
        )
        self.fabric.launch()
        self.rank: int = self.fabric.global_rank
        self.world: int = self.fabric.world_size
        self.device: torch.device = self.fabric.device

    def mean(self, values: Tensor, weight: float) -> Tensor:
        """Mean of ``[n]`` over the processes, each with its weight (its number of showers)."""
        if self.world == 1:
            return values
        weighted = torch.cat([values * weight, values.new_tensor([weight])])
        distributed.all_reduce(weighted)
        return weighted[:-1] / weighted[-1]

    def largest(self, *values: float) -> list[float]:
        """Largest of each number among the processes, so that all of them decide alike."""
        if self.world == 1:
            return list(values)
        together = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(together, distributed.ReduceOp.MAX)
        return together.tolist()

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            distributed.barrier()

    def random_state(self) -> dict[str, Tensor]:
        """State of torch's random numbers on CPU and CUDA, one row a process."""
        state = {"cpu": self._gather(torch.get_rng_state())}
        if self.device.type == "cuda":
            state["cuda"] = self._gather(torch.cuda.get_rng_state(self.device))
        return state

    def set_random_state(self, state: dict[str, Tensor]) -> None:
        """Inverse of `random_state`.

        Raises:
            ValueError: the state is of another number of processes.
        """
        if len(state["cpu"]) != self.world:
            raise ValueError(
                f"checkpoint: of {len(state['cpu'])} processes, got {self.world}; "
                "resume with as many as before"
            )
        # clones: set_rng_state reads from the start of a tensor's storage, whatever row it is
        torch.set_rng_state(state["cpu"][self.rank].clone())
        if "cuda" in state and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"][self.rank].clone(), self.device)

    def share(self, model: nn.Module) -> None:
        """Give all processes the parameters and buffers of the first."""
        if self.world > 1:
            for tensor in (*model.parameters(), *model.buffers()):
                distributed.broadcast(tensor.data, src=0)

    def _gather(self, values: Tensor) -> Tensor:
        """``[n]`` of each process as ``[world, n]`` on the CPU."""
        if self.world == 1:
            return values[None].cpu()
        values = values.to(self.device)
        rows = [torch.empty_like(values) for _ in range(self.world)]
        distributed.all_gather(rows, values)
        return torch.stack(rows).cpu()


def _environment() -> tuple[ClusterEnvironment, int, int]:
    """How this process was started, with the numbers of processes per node and of nodes."""
    if TorchElasticEnvironment.detect():
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        return TorchElasticEnvironment(), devices, int(os.environ["WORLD_SIZE"]) // devices
    # set by srun, not by sbatch: a batch script that starts one process is no group of processes
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        nodes = int(os.environ["SLURM_STEP_NUM_NODES"])
        return SLURMEnvironment(), int(os.environ["SLURM_STEP_NUM_TASKS"]) // nodes, nodes
    return LightningEnvironment(), 1, 1
