"""Which of the processes of a launch this one is."""

from __future__ import annotations

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env


def this_process() -> PartialState:
    """State of this process: its number, its device, whether it is the main one.

    Without a launcher (torchrun, `accelerate launch`) it is the only one and the main one. The first call
    connects the processes, over gloo on CPUs.
    """
    # Accelerate must be told that there is a CPU alone: it would take the processes for strangers otherwise.
    cpu = not torch.accelerator.is_available() or parse_flag_from_env("ACCELERATE_USE_CPU")
    return PartialState(cpu=cpu)
