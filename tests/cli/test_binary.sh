#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Binary memories as a user meets them: stored, recalled, forgotten, merged, split; killed, damaged;
# and what is said of data that does not fit.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

# messages.csv: 400 messages of 6 symbols below 100; a, b: its halves; cues: half of each erased
python3 - <<'PY'
import random
random.seed(5)
head = "a,b,c,d,e,f\n"
rows = [[random.randrange(100) for _ in range(6)] for _ in range(400)]
rows[0][0] = 99
line = lambda r: ",".join(map(str, r)) + "\n"
open("messages.csv", "w").write(head + "".join(map(line, rows)))
open("a.csv", "w").write(head + "".join(map(line, rows[:200])))
open("b.csv", "w").write(head + "".join(map(line, rows[200:])))
open("one.csv", "w").write(head + line(rows[7]))
open("cues.csv", "w").write(head + "".join(line(r[:3] + [-1, -1, -1]) for r in rows))
open("wrong.csv", "w").write(head + line([100, 1, 1, 1, 1, 1]))
open("five.csv", "w").write("a,b,c,d,e\n1,2,3,4,5\n")
# a song in which no symbol comes twice: where one does, within `order` states, two may follow
song = list(zip(*(random.sample(range(100), 40) for _ in range(6))))
open("song.csv", "w").write(head + "".join(map(line, song)))
open("start.csv", "w").write(head + "".join(map(line, song[:5])))
open("want.csv", "w").write("".join(map(line, song[5:8])))
few = [[int(j in on) for j in range(64)] for on in (random.sample(range(64), 5) for _ in range(20))]
bits = [[int(random.random() < .5) for _ in range(64)] for _ in range(30)]
names = ",".join(f"u{i}" for i in range(64)) + "\n"
open("few.csv", "w").write(names + "".join(map(line, few)))
open("bits.csv", "w").write(names + "".join(map(line, bits)))
labelled = "".join(",".join(map(str, r)) + f",{'abc'[i % 3]}\n" for i, r in enumerate(rows))
open("classes.csv", "w").write(head.strip() + ",label\n" + labelled)
PY

check 0 'clique of 6 clusters of 100 units, counted' store all.egm messages.csv --memory clique \
    --counted
check 0 '^patterns +400$' info all.egm
check 0 '^error from half +0\.' info all.egm
check 0 '"is_binary"|"memory": ?"clique of 6 clusters' info all.egm --json
check 0 '^whole +(yes|true)' verify all.egm
check 4 'already there; --append' store all.egm messages.csv --memory clique

# recall: the answers are the messages that the cues were made from
check 0 'recalled 39[0-9] of 400|recalled 400 of 400' recall all.egm cues.csv -o back.csv
python3 - <<'PY' || problem "recall gives other messages"
want = open("messages.csv").read().split()[1:]
got = open("back.csv").read().split()[1:]
raise SystemExit(sum(w != g for w, g in zip(want, got)) > 10 or len(got) != 400)
PY
check 0 'recovered (9[5-9]|100)' recall all.egm messages.csv --hide 0.3
check 0 '"whole": ?true' recall all.egm one.csv --json
check 0 'false accept' recall all.egm one.csv
check 1 'recalled 0 of 1' recall all.egm one.csv --flip 1
check 0 'recalled' recall all.egm cues.csv --score sum --activation winners

# a part and the rest: appended, merged, subtracted; every way to the same connections
"$engram" store a.egm a.csv --memory clique:100 --counted --quiet >out 2>err || problem "store a"
"$engram" store b.egm b.csv --memory clique:100 --counted --quiet >out 2>err || problem "store b"
check 0 '^patterns +400$' merge a.egm b.egm -o both.egm
check 0 '^same +(yes|true)' diff both.egm all.egm
check 0 '^same +(no|false)' diff all.egm a.egm
check 0 '^patterns +200$' diff all.egm a.egm -o rest.egm
check 0 '^same +(yes|true)' diff rest.egm b.egm
check 1 'a connection made' diff a.egm all.egm
check 0 '^patterns +400$' store a.egm b.csv --append
check 0 '^same +(yes|true)' diff a.egm all.egm
check 0 '^patterns' split all.egm --units 0-199 -o low.egm
check 0 '^patterns' split all.egm --units 200-599 -o high.egm
check 2 'FIRST-LAST below 600' split all.egm --units 0-600 -o none.egm
check 2 'unit 5 is in it twice' split all.egm --units 5,5 -o none.egm
check 2 'unit 7 is in it twice' split all.egm --units 0-9,7-8 -o none.egm
for format in npy safetensors; do
    check 0 "^format +$format" export all.egm all.$format
    check 0 "^format +$format" export both.egm both.$format
    cmp -s all.$format both.$format || problem "a merged memory is exported as another"
done

# forget: exactly
check 0 '^patterns +399$' forget all.egm one.csv
check 1 'recalled 0 of 1' recall all.egm one.csv
check 1 'was never stored' forget all.egm one.csv
check 0 '^patterns +200$' forget both.egm b.csv
"$engram" store first.egm a.csv --memory clique:100 --counted --quiet >out 2>err || problem "store"
check 0 '^same +(yes|true)' diff both.egm first.egm
"$engram" store plain.egm a.csv --memory clique:100 --quiet >out 2>err || problem "store plain"
check 2 'counted' forget plain.egm a.csv
check 2 'memories of other options' merge plain.egm first.egm -o none.egm

# a pair never stored, told by sums that no two pairs leave: the file stays as it was
printf 'a,b,c,d\n1,0,1,0\n0,1,1,0\n1,1,0,0\n' >p.csv
printf 'a,b,c,d\n1,1,1,1\n' >never.csv
check 0 '^patterns +3$' store bam.egm p.csv --memory bam --contents p.csv
sum=$(sha256sum <bam.egm)
check 1 'was never stored' forget bam.egm never.csv --contents never.csv
[ "$(sha256sum <bam.egm)" = "$sum" ] || problem "forget refused, and the file changed"
check 0 '^patterns +3$' info bam.egm

# all connections of a message never stored exist: it is taken out of the others, as docs/binary.md
# says, and storing it again undoes that
printf 'a,b,c\n0,0,1\n0,1,0\n1,0,0\n' >sp.csv
printf 'a,b,c\n0,0,0\n' >ghost.csv
check 0 '^patterns +3$' store gh.egm sp.csv --memory clique:2 --counted
check 0 '^patterns +3$' store gh0.egm sp.csv --memory clique:2 --counted
check 0 '^false accept +0\.4' info gh.egm
check 0 'exact if all of it was stored' forget gh.egm ghost.csv
check 0 '^patterns +2$' info gh.egm
check 1 'recalled 0 of 3' recall gh.egm sp.csv
check 0 '^patterns +3$' store gh.egm ghost.csv --append
check 0 '^same +(yes|true)' diff gh.egm gh0.egm

# the other kinds
check 0 'sdm of 64 units, 2000 locations, radius' store near.egm bits.csv --memory sdm:2000
check 0 'recovered (9[0-9]|100)' recall near.egm bits.csv --flip 0.05
check 0 'sdm of 4 units, 2000 locations, radius 0' store tiny.egm p.csv --memory sdm:2000
check 0 'recalled 3 of 3.*storing the answer' recall tiny.egm p.csv
check 1 'recalled 0 of 1' recall tiny.egm never.csv
check 0 'willshaw of 64 units' store net.egm few.csv --memory willshaw --counted
check 0 'recalled' recall net.egm few.csv
check 0 'bam of 64 units, to 6[0-9] units' store pairs.egm bits.csv --memory bam --contents bits.csv
check 0 'recalled' recall pairs.egm bits.csv --steps 5
check 0 'chain of 6 clusters of 100 units' store song.egm song.csv --memory chain:100
check 0 '1\.000' recall song.egm start.csv --steps 3 -o next.csv
tail -n +2 next.csv | cmp -s - want.csv || problem "a chain goes on otherwise"
check 0 'to 3 units' store kinds.egm classes.csv --memory clique:100 --values
check 0 'recalled' recall kinds.egm classes.csv -o kinds.npy

# what does not fit is said, and changes nothing
sum=$(sha256sum <both.egm)
check 2 'a symbol below 100' store both.egm wrong.csv --append
check 2 'the memory has 6' store both.egm five.csv --append
check 2 'cues of 5 numbers' recall both.egm five.csv
check 2 'asked for sdm' store both.egm a.csv --append --memory sdm
check 2 'whole or not at all' store both.egm a.csv --resume
check 2 'keeps no items' recall both.egm --sample 3
check 2 'no ids: engram forget' delete both.egm 3
check 2 'expected clique:UNITS' store none.egm a.csv --memory clique:many
check 2 'did you mean clique' store none.egm a.csv --memory clike
check 2 'no labels' store none.egm a.csv --memory clique --values
check 2 '1 contents for 200|1 contents' store none.egm a.csv --memory clique --contents one.csv
[ "$(sha256sum <both.egm)" = "$sum" ] || problem "a refused command changed the file"
[ ! -e none.egm ] || problem "a refused command left a file"
"$engram" store dense.egm bits.csv --quiet >out 2>err || problem "store dense"
check 2 'holds a dense memory' forget dense.egm bits.csv
check 2 'holds a dense memory' merge dense.egm dense.egm -o none.egm

# what docs/binary.md shows is run as it stands
mkdir docs bin
ln -s "$engram" bin/engram
python3 - "$ENGRAM_SHARE/docs/binary.md" >docs/shown <<'PY'
import re, sys
print("".join(re.findall(r"^```sh\n(.*?)^```$", open(sys.argv[1]).read(), re.M | re.S)))
PY
[ "$(grep -c '^engram' docs/shown)" -ge 15 ] || problem "docs/binary.md shows few commands"
(cd docs && PATH=$scratch/bin:$PATH bash -e shown) >out 2>err ||
    problem "a command of docs/binary.md failed"
grep -q '^cues.csv:1 .*yes .*1 7 3 9$' out || problem "docs/binary.md: the recall it shows"
grep -q '^ *3 .*2 3 4$' out || problem "docs/binary.md: the sequence it shows"
grep -q 'others.csv:2 .*yes .*0 1 2 3$' out || problem "docs/binary.md: the difference of memories"

# the capacity laboratory: measured beside theory
python3 - "$engram" <<'PY' || problem "capacity of binary memories"
import json, subprocess, sys
def cells(*line):
    out = subprocess.run([sys.argv[1], "capacity", "--json", *line], capture_output=True,
                         check=True).stdout
    return [json.loads(row) for row in out.splitlines()]
def near(a, b, within):
    assert abs(a - b) <= within, (a, b)
low, high = cells("--memory", "clique:64", "--clusters", "6", "--patterns", "300,900",
                  "--amounts", "0.33", "--trials", "8000", "--draws", "8")
near(high["fill"], high["fill_theory"], 0.002)
near(high["error"], high["error_theory"], 0.02)
near(high["error_one"], high["error_one_theory"], 0.03)
assert low["error"] < high["error"] and high["efficiency"] > 2 * low["efficiency"]
assert high["error_chosen"] < 0.7 * high["error"]
(c,) = cells("--memory", "willshaw", "--size", "512", "--patterns", "1500", "--amounts", "0.25",
             "--trials", "600")
near(c["units_one"], c["units_one_theory"], 0.2 * c["units_one_theory"] + 0.1)
near(c["fill"], c["fill_theory"], 0.01)
(c,) = cells("--memory", "clique:16", "--clusters", "20", "--order", "5", "--patterns", "800",
             "--amounts", "0.2", "--trials", "2000")
near(c["fill"], c["fill_theory"], 0.005)
c = cells("--memory", "sdm:2000", "--size", "128", "--patterns", "30", "--amounts", "0.1,0.4")
assert c[0]["units_one"] < 12.8 and c[1]["units_one"] > c[0]["units_one"], c
assert 0.1 < c[0]["critical_theory"] < 0.5
PY
check 0 'wrote' capacity --memory clique:16 --patterns 50,100 --trials 20 --report binary.html
grep -q 'at rest, theory' binary.html || problem "capacity: no line of theory in the report"
check 0 'patterns,amount,fill' capacity --memory bam --size 64 --patterns 5 --trials 10 --csv
check 2 'spoiled by flip' capacity --memory sdm --corruption mask
check 2 'a chain stores sequences' capacity --memory chain
check 2 'no share' capacity --memory clique --amounts 1.5
check 2 'of dense memories' capacity --memory clique --loads 0.1

# damage: noticed, and a row of a clique is restored from its columns
python3 - <<'PY'
data = bytearray(open("first.egm", "rb").read())
at = max(range(4096 * 4, len(data) - 64), key=lambda i: sum(b != 0 for b in data[i:i + 64]))
data[at + 32] ^= 4
open("hurt.egm", "wb").write(data)
PY
check 1 'damage' verify hurt.egm
check 3 'checksum|digest' recall hurt.egm cues.csv
"$engram" repair hurt.egm whole.egm >out 2>err
[ $? -le 1 ] || problem "repair"
check 0 '^whole +(yes|true)' verify whole.egm
check 0 '^same +(yes|true)' diff whole.egm first.egm

# killed while appending: the items of before, or of after
for delay in 0 .002 .005 .01 .02 .03 .05; do
    rm -f kill.egm*
    "$engram" backup first.egm kill.egm >out 2>err || problem "backup"
    "$engram" store kill.egm b.csv --append >/dev/null 2>&1 &
    job=$!
    sleep $delay
    kill -KILL $job 2>/dev/null
    wait $job 2>/dev/null
    check 0 '^patterns +(200|400)$' info kill.egm
    check 0 '^whole +(yes|true)' verify kill.egm
done

# two at once: one waits for the other, and neither is lost
rm -f kill.egm*
"$engram" backup first.egm kill.egm >out 2>err || problem "backup"
for data in b.csv song.csv; do
    "$engram" store kill.egm $data --append >/dev/null 2>"$data.err" || problem "append $data" &
done
wait
check 0 '^patterns +440$' info kill.egm
check 0 '^whole +(yes|true)' verify kill.egm
finish
