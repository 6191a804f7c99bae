#!/bin/sh
# usage: bench.sh
# What `make bench` runs: see bench.py.
cd "$(dirname "$0")/../.." || exit 1
exec python3 regress/bench/bench.py
