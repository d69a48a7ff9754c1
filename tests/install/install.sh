#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A release build of the library and the program, installed: install.sh SCRATCH. It stays for the
# tests that need an installed copy, and makes the next run quick.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$1
mkdir -p "$scratch"
rm -rf "$scratch/prefix"
# Only the packages that building needs are there: no cmocka, which the tests need.
mkdir -p "$scratch/pkgconfig"
IFS=: read -ra places <<<"$(pkg-config --variable pc_path pkg-config)"
for place in "${places[@]}"; do
    if [ -d "$place" ]; then ln -sf "$place"/*.pc "$scratch/pkgconfig/"; fi
done
rm -f "$scratch/pkgconfig/cmocka.pc"
PKG_CONFIG_LIBDIR=$scratch/pkgconfig cmake -S "$root" --preset release -B "$scratch/build" \
    -DCMAKE_INSTALL_PREFIX="$scratch/prefix" -DCMAKE_INSTALL_LIBDIR=lib >"$scratch/log" ||
    { cat "$scratch/log"; exit 1; }
cmake --build "$scratch/build" >"$scratch/log" || { tail -n 60 "$scratch/log"; exit 1; }
cmake --install "$scratch/build" >"$scratch/log"

missing=0
expect() {
    for path in "$@"; do
        [ -e "$scratch/prefix/$path" ] || { echo "not installed: $path"; missing=1; }
    done
}
expect lib/libengram.a lib/libengram.so lib/libengram.so.0 lib/pkgconfig/engram.pc \
    lib/cmake/engram/engramConfig.cmake lib/cmake/engram/engramConfigVersion.cmake \
    share/doc/engram/LICENSE
for header in "$root"/include/engram/*.h; do expect "include/engram/${header##*/}"; done
if [ -f "$root/cli/CMakeLists.txt" ]; then
    expect bin/engram share/engram/data share/man/man1/engram.1 \
        share/bash-completion/completions/engram
fi
exit "$missing"
