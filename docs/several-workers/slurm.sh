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

train() {
    srun --distribution=block bash -c '
        addresses=$(for host in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do
            for task in $(seq 0 $((SLURM_NTASKS_PER_NODE - 1))); do
                echo "\"$host:$((20000 + SLURM_JOB_ID % 10000 + task))\""
            done
        done | paste -sd ,)
        worker="{\"type\": \"worker\", \"index\": $SLURM_PROCID}"
        export TF_CONFIG="{\"cluster\": {\"worker\": [$addresses]}, \"task\": $worker}"
        exec python -m dcgan_tf1.train "$@"' train "$@"
}

for attempt in 1 2 3 4 5; do
    train "$@"
    status=$?
    [ $status = 138 ] || break  # 138: a worker was lost; the run goes on from its last checkpoint
done
exit $status
