"""Time and memory of a joint calibration, in a process of its own: ``python -m truthkit.calibspeed ...``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from truthkit.calibbig import make_mission
from truthkit.calibours import Spent, calibrate, warm_up
from truthkit.calibsky import Bench, make
from truthkit.timing import BENCHMARKS, call

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a calibration took and found.

    Attributes
    ----------
    scans, samples, pixels, workers : int
    solving, drawing : Spent
        For the solution and for its errors.
    rounds, steps : int
    before_gb, peak_gb : float
        Resident before the calibration, and at most until its end.
    load : float
        Of the machine before it, in the last minute.
    gain_rms, residual : float
        True errors: %, MJy/sr.
    """

    scans: int
    samples: int
    pixels: int
    workers: int
    solving: Spent
    drawing: Spent
    rounds: int
    steps: int
    before_gb: float
    peak_gb: float
    load: float
    gain_rms: float
    residual: float


def weigh(kind: str, scans: int, workers: int, cache: Path) -> Weighed:
    """Calibrate in a process of its own.

    Parameters
    ----------
    kind : {'bench', 'mission'}
        Of 120 scans, or any number of them.
    scans, workers : int
    cache : Path
        Of the templates.

    Raises
    ------
    timing.FailedError
        When the process fails.
    """
    words = (kind, "--scans", str(scans), "--workers", str(workers), "--cache", str(cache.resolve()))
    command = [sys.executable, "-m", "truthkit.calibspeed", *words]
    return read(call(command, BENCHMARKS, more=dict.fromkeys(ONE_THREAD, "1"))[1])


def read(text: str) -> Weighed:
    """Read what `main` has printed."""
    kept = json.loads(text)
    kept["solving"], kept["drawing"] = Spent(**kept["solving"]), Spent(**kept["drawing"])
    return Weighed(**kept)


def main() -> None:
    """Make scans, calibrate them, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["bench", "mission"])
    parser.add_argument("--scans", type=int, default=120)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path)
    chosen = parser.parse_args()
    warm_up()
    if chosen.kind == "bench":
        bench = make(1, "sides", n_orbits=chosen.scans // 2, cache=chosen.cache)
        # Once for nothing: the second time all is in place.
        calibrate(bench, chosen.workers)
    else:
        bench = make_mission(1, chosen.scans, error="sides")
    print(json.dumps(asdict(_weighed(bench, chosen.workers))))


def _weighed(bench: Bench, workers: int) -> Weighed:
    load = os.getloadavg()[0]
    before = _memory("VmRSS")
    # The high-water mark starts again from here (proc(5), clear_refs).
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    found = calibrate(bench, workers)
    peak = _memory("VmHWM")
    right, samples, solution = found.measured(bench), bench.samples, found.solution
    return Weighed(
        samples.n_scans,
        len(samples),
        len(samples.pixels),
        workers,
        found.solving,
        found.drawing,
        solution.n_rounds,
        solution.n_steps,
        before,
        peak,
        load,
        right.gain_rms,
        right.residual,
    )


def _memory(name: str) -> float:
    """Read a line of the process's status, GB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) * 1024.0 / 1e9 for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
