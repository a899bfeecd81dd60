#!/bin/bash
# Trains with one worker per GPU. Adapt the lines that begin with #SBATCH, and submit it with flags of the train command:
#
#   sbatch slurm.sh --recipe=paper --data_dir=my/images --run_dir=runs/paper
#
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --signal=TERM@120  # two minutes before the time is up, the run is saved and ends with status 143
#SBATCH --requeue  # if a node fails, which ends the whole job, the job starts again and the run goes on

train() {
    srun --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" python -m dcgan_tf1.train "$@"
}

for attempt in 1 2 3 4 5; do
    train "$@"
    status=$?
    case $status in
        # Finished; an error that a restart does not fix; stopped and saved by a signal.
        0 | 1 | 2 | 130 | 143) break ;;
    esac
    # A worker was lost: the others end with 138, and srun reports the highest status of all, such as 139 of a crash. The
    # run goes on from its last checkpoint.
done
exit $status
