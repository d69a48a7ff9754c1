#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# hardened.sh PREFIX: what was installed is built to be hard to exploit. Position independent, its
# tables of addresses read-only once it runs, no executable stack, stacks guarded, calls of the C
# library checked, the program's at level 3, as it says itself.
set -euo pipefail
prefix=$1
wrong=0 found=0
# has FILE WHAT PATTERN TEXT: the text, of readelf, has a line like that.
has() {
    grep -q -- "$3" <<<"$4" || { echo "$1: not $2"; wrong=1; }
}
for file in "$prefix/bin/engram" "$prefix/lib/libengram.so.0"; do
    [ -e "$file" ] || continue
    found=1
    head=$(readelf -hW "$file") segments=$(readelf -lW "$file")
    dynamic=$(readelf -dW "$file") symbols=$(readelf --dyn-syms -W "$file")
    has "$file" "position independent" 'Type: *DYN' "$head"
    has "$file" "read-only after relocation" 'GNU_RELRO' "$segments"
    has "$file" "bound at once" 'BIND_NOW' "$dynamic"
    has "$file" "without an executable stack" 'GNU_STACK.* RW ' "$segments"
    has "$file" "with guarded stacks" '__stack_chk_fail' "$symbols"
    has "$file" "with checked calls" '__[a-z_]*_chk@' "$symbols"
done
if [ -x "$prefix/bin/engram" ]; then
    doctor=$(cd "$prefix" && bin/engram doctor --json) || true
    has "$prefix/bin/engram" "with calls checked at level 3" '"checked_calls": *3[,}]' "$doctor"
fi
[ "$found" -eq 1 ] || { echo "$prefix: neither the program nor the library is there"; wrong=1; }
exit "$wrong"
