"""`python -m reproaudit` is the command."""

from reproaudit.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
