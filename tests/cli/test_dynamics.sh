#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Solvable models as a user meets them: the list, one run in every form, what is refused and why.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

check 0 'spiked-phases' dynamics
check 0 'error of the grid' dynamics pspin t=2 n=40
json 'abs(j["facts"]["m at long times"] - 0.822434) < 1e-6 and j["rows"][0]["m"] == 0.2
      and j["rows"][-1]["t"] == 2 and "m_simulated" not in j["rows"][0]' \
    dynamics spiked m0=0.2 t=2 n=80
json 'all(abs(r["mu"] + 3 * r["e"]) < 2e-8 for r in j["rows"])' dynamics pspin t=2 n=40
json 'j["rows"][3]["m_error"] > 0' dynamics spiked t=1 n=40 samples=3 N=12
check 2 'did you mean spiked' dynamics spikd
check 2 'no parameter "snrr"; did you mean snr' dynamics spiked snrr=2
check 2 'expected a number, got "x"' dynamics spiked snr=x
check 2 'snr = 0, not in' dynamics spiked snr=0
check 1 'choose more steps' dynamics pspin t=1000 n=16
check 2 'tw = 7, not in' dynamics pspin t=1 n=16 tw=7

check 0 'wrote' dynamics regression points=3 samples=2 n=40 -o descent.npy --report descent.html
python3 - <<'PY' || problem "-o FILE.npy: not f8 of 3 rows"
raw = open("descent.npy", "rb").read()
assert b"'<f8'" in raw[:128] and b"(3, 8)" in raw[:128] and len(raw) == 128 + 3 * 8 * 8
PY
grep -q 'excess risk' descent.html || problem "report: no chart"
check 0 'wrote' dynamics mode-coupling points=4 -o plateau.csv
[ "$(head -n 1 plateau.csv)" = t,c,r,plateau ] || problem "CSV: no header"
[ "$(wc -l <plateau.csv)" -eq 5 ] || problem "CSV: not 4 rows"

# one thread, or two, or from a checkpoint: the same numbers
"$engram" dynamics pspin t=4 n=120 --threads 1 --csv --quiet >one 2>err
"$engram" dynamics pspin t=4 n=120 --threads 2 --csv --quiet --checkpoint grid --every 0 >two 2>err
cmp -s one two || problem "threads change what is computed"
if [ ! -s grid ] || [ ! -s grid.before ]; then problem "no checkpoint was kept"; fi
head -c 3000 grid >short && mv short grid
"$engram" dynamics pspin t=4 n=120 --checkpoint grid --csv >two 2>err
cmp -s one two || problem "a checkpoint changes what is computed"
grep -q 'resumed after 118 steps' err || problem "a short checkpoint: $(cat err)"
check 2 'another model or grid' dynamics pspin t=4 n=120 g=1 --checkpoint grid
finish
