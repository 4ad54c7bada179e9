"""What this process may use of the machine: cores and memory, batch and container limits counted."""

from __future__ import annotations

import os
from pathlib import Path

_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
_MEMORY = Path("/proc/meminfo")


def available_cores() -> int:
    """Count the cores this process may use: the least of batch allocation, affinity and container quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Inside `srun` without --cpus-per-task the variable is that of the job, and the step has fewer cores.
    allocated = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if allocated.isdigit() and int(allocated) > 0:
        cores = min(cores, int(allocated))
    quota, _, period = _text(_CPU_QUOTA).partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        cores = min(cores, max(1, round(int(quota) / int(period))))
    return cores


def available_memory() -> int | None:
    """Give the bytes of memory that can still be had, or None where the system does not say."""
    limits = []
    for line in _text(_MEMORY).splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            limits.append(1024 * int(value.split()[0]))
    limit = _text(_MEMORY_LIMIT).strip()
    if limit.isdigit():
        limits.append(int(limit))
    return min(limits, default=None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
