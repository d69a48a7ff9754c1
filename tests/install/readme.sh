#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The C program of README.md, compiled against an installed copy by pkg-config (shared and
# static) and by find_package, prints what README.md shows. readme.sh SCRATCH
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
prefix=$1/prefix
work=$1/readme
rm -rf "$work"
mkdir -p "$work"
cd "$work"

block() { # LANGUAGE: the first such block of README.md
    awk -v open="\`\`\`$1" '$0 == open { on = 1; next } /^```/ && on { exit } on' "$root/README.md"
}
block c >first.c
block text >expected
if ! [ -s first.c ] || ! [ -s expected ]; then
    echo "README.md has no C program or no output"
    exit 1
fi
lines=$(wc -l <first.c)
[ "$lines" -lt 30 ] || { echo "README.md: its program has $lines lines, not under 30"; exit 1; }

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
shared=() static=()
eval "shared=($(pkg-config --cflags --libs engram))" # eval: pkg-config quotes for a shell
eval "static=($(pkg-config --cflags --static --libs engram))"
cc -std=c17 -Wall -Wextra -Werror first.c -o shared "${shared[@]}" -Wl,-rpath,"$prefix/lib"
cc -std=c17 -Wall -Wextra -Werror first.c -o static "${static[@]/#-lengram/-l:libengram.a}"

cat >CMakeLists.txt <<'TEXT'
cmake_minimum_required(VERSION 3.25)
project(first C)
find_package(engram 0.1 REQUIRED)
add_executable(package first.c)
target_link_libraries(package engram::engram)
add_executable(package_static first.c)
target_link_libraries(package_static engram::engram_static)
TEXT
cmake -S . -B . -DCMAKE_PREFIX_PATH="$prefix" >log || { cat log; exit 1; }
cmake --build . >log || { cat log; exit 1; }

for program in shared static package package_static; do
    "./$program" >"$program.out"
    diff -u expected "$program.out" || { echo "$program: not what README.md shows"; exit 1; }
done
# no grep -q behind a pipe: it ends before ldd does, which pipefail takes for a failure
linked() { ldd "$1" >log && grep -q 'libengram\.so\.0' log; }
linked ./shared || { echo "shared: not linked with the library"; exit 1; }
if linked ./static; then echo "static: linked with the shared library"; exit 1; fi
echo "4 builds of README.md's program print what it shows"
