"""Settings for all tests: no display, one thread (tests run beside one another on few cores)."""

import os

import torch

os.environ["MPLBACKEND"] = "Agg"
torch.set_num_threads(1)
