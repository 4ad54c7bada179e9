#!/bin/bash
# One array task per hundred scans. Submitted again after a time-out it resumes.
# Usage: sbatch --array=0-63 wise_slurm.sh BAND, in a folder with astromap.yaml and w<B>_scans.ecsv
#SBATCH --job-name=wise-coadd
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
set -eu
band=${1:?band, 1 to 4}
per_task=100
first=$((SLURM_ARRAY_TASK_ID * per_task + 1))
# Scan ids are the first column of the table, below its header.
mapfile -t scans < <(grep -v '^#' "w${band}_scans.ecsv" | tail -n +2 | cut -d' ' -f1 |
    tail -n "+$first" | head -n "$per_task")
[ "${#scans[@]}" -gt 0 ] || exit 0
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" \
    astromap wise coadd "${scans[@]}" --band "$band" --resume --keep-going --no-pictures
