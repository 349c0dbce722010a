# Starts two ranks, and the next time three.
echo started >> "$MARKS/starts"
ranks=$(( $(wc -l < "$MARKS/starts") + 1 ))
exec torchrun --standalone --nproc-per-node $ranks train.py
