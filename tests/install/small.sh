#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The small build: small.sh SCRATCH. A program that runs a network and teaches memories, linked
# statically with the C library and nothing else, is below 1 MiB, and does what it shall.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
build=$1/small
mkdir -p "$build"
cmake -S "$root" --preset small -B "$build" >"$build/log" || { cat "$build/log"; exit 1; }
cmake --build "$build" >"$build/log" || { tail -n 60 "$build/log"; exit 1; }
"$build/small_device"
readelf -d "$build/small_device" | grep -q NEEDED && { echo "it links something"; exit 1; }
# its whole output goes to a file: grep -q ends early, and what it cut off would count as a failure
nm -u "$build/libengram_small.a" >"$build/asked"
if grep -Ei ' U (cblas|dnnl|sqlite3|CVode|GOMP|XXH|json_)' "$build/asked"; then
    echo "these libraries are asked for"
    exit 1
fi
bytes=$(stat -c %s "$build/small_device")
echo "$bytes bytes"
[ "$bytes" -lt 1048576 ] || { echo "more than 1 MiB"; exit 1; }
