#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A store killed at the moment its file appears, and a repair interrupted: nothing half made.
# ENGRAM: the program.
set -u
engram=$(realpath "${ENGRAM:?the program to test}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
export LC_ALL=C TERM=dumb
failures=0

problem() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    sed 's/^/    /' out err | head -n 12
}
# until_there FILE JOB: as soon as the file is there, or the job has ended
until_there() {
    while [ ! -e "$1" ] && kill -0 "$2" 2>/dev/null; do :; done
}

python3 - <<'PY'
with open("a.csv", "w") as f:
    f.write("x,y,z\n" + "".join(f"{i},{i * 7 % 101},{i % 3}\n" for i in range(60000)))
PY
"$engram" store whole.egm a.csv --memory nearest --scale unit >out 2>err || problem "store"
"$engram" export whole.egm whole.npy >out 2>err || problem "export"

killed=0
for _ in 1 2 3 4 5 6; do
    rm -f half.egm* half.npy
    "$engram" store half.egm a.csv --memory nearest --scale unit >out 2>err &
    job=$!
    until_there half.egm $job
    kill -KILL $job 2>/dev/null
    wait $job 2>/dev/null
    [ $? -eq 137 ] || continue
    killed=$((killed + 1))
    "$engram" store half.egm a.csv --resume >out 2>err || problem "--resume after a kill"
    "$engram" export half.egm half.npy >out 2>err || problem "export after a kill"
    cmp -s half.npy whole.npy || problem "another file after a kill"
done
[ $killed -gt 0 ] || problem "no store was killed"

# A store that stands still, and others that would go on with it or add to it: each in its turn.
rm -f turns.egm
"$engram" store turns.egm a.csv --memory nearest --scale unit >out 2>err &
job=$!
until_there turns.egm $job
kill -STOP $job
"$engram" store turns.egm a.csv --resume >resumed 2>&1 &
other=$!
"$engram" store turns.egm a.csv --append >appended 2>&1 &
last=$!
sleep 0.5
kill -CONT $job
wait $job
first=$?
wait $other
# 4, 0: it stood before its first turn, and found its work done
case "$first $?" in
    "0 2" | "4 0") ;;
    *) problem "two stores of the same data: $first, $?" ;;
esac
wait $last # 2: it had the first turn, and the store before it comes first
if [ $? -eq 2 ]; then
    "$engram" store turns.egm a.csv --append >out 2>err || problem "the last of three stores"
fi
"$engram" info turns.egm >out 2>err
grep -qE 'patterns +120000' out || problem "three stores into one file"

# repair: Ctrl-C as soon as its scratch file is there
"$engram" backup whole.egm hurt.egm >out 2>err || problem "backup"
sum=$(sha256sum <hurt.egm)
stopped=0
for _ in 1 2 3 4 5 6; do
    rm -f saved.egm*
    "$engram" repair hurt.egm saved.egm >out 2>err &
    job=$!
    while ! compgen -G 'saved.egm*' >/dev/null && kill -0 $job 2>/dev/null; do :; done
    kill -INT $job 2>/dev/null
    wait $job
    case $? in
        130)
            stopped=$((stopped + 1))
            compgen -G 'saved.egm*' && problem "an interrupted repair left a file"
            ;;
        0) ;;
        *) problem "repair: Ctrl-C" ;;
    esac
done
[ $stopped -gt 0 ] || problem "no repair was interrupted"
[ "$(sha256sum <hurt.egm)" = "$sum" ] || problem "a repair changed the damaged file"

echo "$failures failures"
exit $((failures > 0))
