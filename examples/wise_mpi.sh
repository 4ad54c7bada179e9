#!/usr/bin/env bash
# All scans of all bands on several ranks; rank 0 leads, so 9 ranks are 8 workers. The maps do not depend on the number.
# Usage: wise_mpi.sh RANKS, in a folder with astromap.yaml and filtered_df_band<B>.csv
set -eu
ranks=${1:?number of ranks, at least 2}
for band in 1 2 3 4; do
    mpiexec -n "$ranks" astromap wise coadd --band "$band" --resume --no-pictures
done
