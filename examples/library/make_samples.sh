#!/bin/sh
# Show what each way of use says of one nondeterministic layer: run CI on a clean copy of the library, plant the layer
# (plant.patch), and write into FOLDER what the fixture, the marker, the lock and the gate then print.
#
#   sh make_samples.sh FOLDER
set -eu

library=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
samples=$(cd "$1" && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R "$library/." "$copy"
cd "$copy"

# 1 is the right exit code: a divergence was found. Any other means that the sample shows something else.
fails() {
    name=$1
    shift
    status=0
    "$@" > "$samples/$name.txt" || status=$?
    if [ "$status" -ne 1 ]; then
        echo "$name: exit code 1 was expected, not $status" >&2
        exit 2
    fi
}

sh ci.sh > "$samples/clean.txt"
patch -s -p1 < plant.patch
fails fixture python -m pytest -q --tb=short tests/test_layers.py::test_a_training_step_is_reproducible
fails marker python -m pytest -q --tb=short tests/test_layers.py::test_gradients_are_reproducible
fails check reproaudit check --quiet
fails gate reproaudit ci --quiet
