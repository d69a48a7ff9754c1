#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A disk of 1 MiB that is full, and a user's limit on the size of files: exit 4, one line that says
# so, and what was there before is whole. The disk is a tmpfs in a mount namespace of its own.
# ENGRAM: the program.
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source=tests/cli/preamble.sh
. "$here/preamble.sh"

python3 - <<'PY'
with open("few.csv", "w") as f:
    f.write("x,y,z\n" + "".join(f"{i},{i * 7 % 101},{i % 3}\n" for i in range(2000)))
with open("many.csv", "w") as f:
    f.write("x,y,z\n" + "".join(f"{i},{i * 7 % 101},{i % 3}\n" for i in range(90000)))
PY
check 0 . store whole.egm few.csv --memory nearest --scale unit

# what a full disk, or a limit, must not change
intact() {
    check 0 . verify whole.egm
    check 0 'patterns +2000' info whole.egm
    compgen -G '*.part*' >/dev/null && problem "$1: something half made is left"
}

# a limit: an append, a new file, a copy, an export, a run folder
(
    cp whole.egm part.egm
    ulimit -f 200 # KiB
    check 4 'part.egm' store part.egm many.csv --append
    check 0 . verify part.egm # with what was acknowledged, and --resume goes on
    rm part.egm
    check 4 'new.egm' store new.egm many.csv --memory nearest --scale unit
    [ ! -e new.egm ] || check 0 . verify new.egm
    exit $((failures > 0))
) || problem "a limit on the size of files"
intact "a limit"

# a real disk of 1 MiB
cat >on_disk.sh <<'SH'
set -u
mount -t tmpfs -o size=1m none "$1" && cp whole.egm "$1/" && cd "$1" || exit 1
bad=0
expect() { # EXIT ARGS...
    want=$1
    shift
    "$ENGRAM" "$@" >"$SCRATCH/out" 2>"$SCRATCH/err" </dev/null
    got=$?
    [ $got -eq "$want" ] && return
    echo "engram $*: exit $got, expected $want"
    cat "$SCRATCH/err"
    bad=1
}
expect 4 store whole.egm "$SCRATCH/many.csv" --append
expect 0 verify whole.egm
"$ENGRAM" info whole.egm | grep -qE 'patterns +' || bad=1
before=$("$ENGRAM" info whole.egm --json | grep -oE '"root_hash": *"[0-9a-f]*"')
dd if=/dev/zero of=filler bs=4096 >/dev/null 2>&1 # the rest of it
expect 4 backup whole.egm copy.egm
expect 4 export whole.egm whole.npy
expect 4 store more.egm "$SCRATCH/few.csv" --memory nearest --scale unit
expect 4 store whole.egm "$SCRATCH/many.csv" --resume
expect 4 train "$SCRATCH/few.csv" --label-column z --kind knn -o run
rm filler
expect 0 verify whole.egm
[ "$("$ENGRAM" info whole.egm --json | grep -oE '"root_hash": *"[0-9a-f]*"')" = "$before" ] ||
    { echo "the file changed on a full disk"; bad=1; }
ls | grep -qE 'part|copy.egm|more.egm|whole.npy' && { echo "left behind:"; ls; bad=1; }

rm whole.egm*
# training with a checkpoint after each step: the disk is full in the middle of it, the newest good
# checkpoint is kept, and what goes on from it ends with the bits of a run that had room
"$ENGRAM" train "$SCRATCH/few.csv" --label-column z --hidden 1500 -e 6 --checkpoint 0 -q -o net \
    >"$SCRATCH/out" 2>"$SCRATCH/err" </dev/null &
training=$!
for _ in $(seq 600); do
    compgen -G 'net/checkpoint/step-*[1-9][0-9].safetensors' >/dev/null && break
    sleep 0.05
done
dd if=/dev/zero of=filler bs=4096 >/dev/null 2>&1
wait $training
[ $? -eq 4 ] || { echo "training on a full disk did not end with 4"; cat "$SCRATCH/err"; bad=1; }
compgen -G 'net/checkpoint/*' | grep -qvE 'step-[0-9]{12}.safetensors$' && { ls net/*; bad=1; }
rm filler
expect 0 train -o net --resume -q
grep -q "$(grep -oE '^learned +[0-9a-f]{16}' "$SCRATCH/learned")" "$SCRATCH/out" ||
    { echo "other weights:"; cat "$SCRATCH/learned" "$SCRATCH/out"; bad=1; }
exit $bad
SH
check 0 . train few.csv --label-column z --hidden 1500 -e 6 --checkpoint 0 -q -o net
cp out learned
mkdir disk
if unshare --map-root-user --mount mount -t tmpfs none disk 2>/dev/null; then
    ENGRAM=$engram SCRATCH=$scratch unshare --map-root-user --mount \
        bash on_disk.sh "$scratch/disk" || problem "a full disk"
else
    echo "skipped: no tmpfs can be mounted here"
fi
intact "a full disk"
finish
