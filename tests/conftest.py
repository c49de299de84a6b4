"""Settings for all tests: no display, one thread (tests run beside one another on few cores).

Property-based tests draw the same examples each time, however slow the machine is.
"""

import os

import torch
from hypothesis import HealthCheck, settings

os.environ["MPLBACKEND"] = "Agg"
torch.set_num_threads(1)
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("same")
