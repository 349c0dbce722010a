#!/bin/sh
# What the library's CI runs: ends with the exit code of the first command that fails.
set -e

python -m pytest -q

# A lock holds what one CPU model and one build of torch compute. A team commits it, and `reproaudit lock` adds each
# environment that its CI knows. This example cannot know yours, so it comes without one and makes it at first.
test -e reproaudit.lock || reproaudit lock --quiet train.py
reproaudit check --quiet

reproaudit ci --quiet
