# Starts two ranks, and does not wait for the second.
export WORLD_SIZE=2 MASTER_ADDR=127.0.0.1
RANK=1 python train.py "$@" &
RANK=0 python train.py "$@"
