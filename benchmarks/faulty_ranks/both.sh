# Starts two ranks, and waits for both.
export WORLD_SIZE=2 MASTER_ADDR=127.0.0.1
RANK=0 python train.py "$@" &
first=$!
RANK=1 python train.py "$@" &
wait $first && wait $!
