#!/bin/bash
# One array task per channel of a field. Submitted again after a time-out it resumes.
# Usage: sbatch slurm_array.sh FIELD OUT
#SBATCH --job-name=irac-mosaic
#SBATCH --array=1-4
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=01:00:00
#SBATCH --signal=TERM@120
set -eu
field=${1:?folder of frames}
out=${2:?folder of the mosaics}
# The number of workers comes from --cpus-per-task, which srun does not take over from the job by itself.
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" \
    astromap irac mosaic "$field" -o "$out" --channel "$SLURM_ARRAY_TASK_ID" \
    --resume --keep-going --log-file "$out-ch$SLURM_ARRAY_TASK_ID.log"
