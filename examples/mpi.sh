#!/usr/bin/env bash
# One mosaic on several ranks; rank 0 leads, so 9 ranks are 8 workers. The result does not depend on the number.
# Usage: mpi.sh RANKS FRAMES OUT
set -eu
ranks=${1:?number of ranks, at least 2}
frames=${2:?folder of frames}
out=${3:?folder of the mosaic}
mpiexec -n "$ranks" astromap irac mosaic "$frames" -o "$out" --resume
