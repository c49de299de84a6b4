"""Training: one loop for all models, with checkpoints that resume exactly."""

from pointcalo.training.outcome import Outcome
from pointcalo.training.trainer import Trainer

__all__ = ["Outcome", "Trainer"]
