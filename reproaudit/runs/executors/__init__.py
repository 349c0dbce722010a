"""Where runs are made: on this machine, on a Ray cluster, by Slurm. See `protocol`."""
