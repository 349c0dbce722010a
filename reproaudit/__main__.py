"""`python -m reproaudit` is the command."""

from reproaudit.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
