"""`python -m reproaudit.record`: the same as `entry.py`, which the runner starts by its path."""

from reproaudit.record.entry import main

if __name__ == "__main__":
    main()
