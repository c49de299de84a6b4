"""Lets the tests here, and the script which torchrun starts, import training_toys."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
