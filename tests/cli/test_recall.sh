#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Recall as a user meets it: pictures of any size and polarity, negatives, weights, duplicates,
# empty memories, and what is said when nothing came back.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

# picture FILE WIDTH HEIGHT PAPER INK TOP BOTTOM LEFT RIGHT: a ring with a gap, in a box
picture() {
    python3 - "$@" <<'END'
import struct, sys, zlib
name, w, h, paper, ink, top, bottom, left, right = sys.argv[1], *map(int, sys.argv[2:])
rows = bytearray()
for y in range(h):
    rows.append(0)
    for x in range(w):
        u = (2 * x + 1 - left - right) / (right - left)
        v = (2 * y + 1 - top - bottom) / (bottom - top)
        rows.append(ink if .45 <= u * u + v * v <= 1 else paper)
def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
head = struct.pack('>IIBBBBB', w, h, 8, 0, 0, 0, 0)
open(name, 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head)
                       + chunk(b'IDAT', zlib.compress(bytes(rows))) + chunk(b'IEND', b''))
END
}

"$engram" store even.egm semeion --memory dam:20 --quiet >out 2>err || problem "store even"
"$engram" store digits.egm semeion --memory rectified:20 --quiet >out 2>err || problem "store"

# a user's own zero: wide margins, dark on light
picture zero.png 64 80 255 0 20 60 18 46
check 0 'one memory: .*class 0' recall digits.egm zero.png
check 0 'cropped to the ink, 2[89]x4[0-9] of 64x80; --no-crop' recall digits.egm zero.png
check 0 'inverted, its border is light' recall digits.egm zero.png
check 0 'zero.png: 64x80 -> 16x16' recall digits.egm zero.png
"$engram" recall digits.egm zero.png --no-crop >out 2>err
absent 'cropped|class 0'
picture night.png 64 80 0 255 20 60 18 46
check 0 'one memory: .*class 0' recall digits.egm night.png
absent inverted
# what comes from the memory itself is left whole
"$engram" recall digits.egm --item 17 -o own.png --quiet >out 2>err || problem "-o own.png"
check 0 'one memory: item 17 ' recall digits.egm own.png
absent 'cropped|inverted'

# a folder of pictures, by its path or as a data set, is treated picture by picture
mkdir -p sets/rings
cp zero.png night.png sets/rings
for name in zero night; do
    "$engram" recall digits.egm $name.png -o $name.csv --quiet >out 2>err || problem "-o $name.csv"
done
check 0 'sets/rings: 2 of 2 pictures cropped to the ink' recall digits.egm sets/rings -o rings.csv
{ cat night.csv && tail -n +2 zero.csv; } | cmp -s - rings.csv ||
    problem "a folder is not treated as its pictures"
check 0 'sets/rings: 1 of 2 pictures inverted, its border is light' recall digits.egm sets/rings
check 0 'sets/rings: 2 of 2 pictures of another size -> 16x16' recall digits.egm sets/rings
ENGRAM_DATA=$scratch/sets check 0 'rings: 2 of 2 pictures cropped' recall digits.egm rings \
    -o set.csv
cmp -s set.csv rings.csv || problem "a data set is not treated as its folder"
check 0 '"cue":"night.png"' recall digits.egm sets/rings --limit 1 --json
absent 'zero.png'
python3 - <<'END'
import struct
open("rgb.idx", "wb").write(struct.pack(">4B4I", 0, 0, 8, 4, 4, 3, 8, 8)
                            + bytes(i % 7 * 30 for i in range(4 * 3 * 64)))
open("grey.idx", "wb").write(struct.pack(">4B3I", 0, 0, 13, 3, 2, 8, 8)
                             + struct.pack(">128f", *[.4] * 64, *[1] * 64))
END
"$engram" store rgb.egm rgb.idx --memory nearest --quiet >out 2>err || problem "store rgb"
check 0 'zero.png: 64x80 -> 8x8' recall rgb.egm zero.png --no-crop
"$engram" store grey.egm grey.idx --memory nearest --quiet >out 2>err || problem "store grey"
picture flat.png 8 8 128 128 0 8 0 8 # half way from black to white, which this memory calls 0, 1
check 0 'one memory: item 1$' recall grey.egm flat.png --invert no

# an even energy has the negatives as minima, a rectified one has not
picture full.png 16 16 255 0 0 16 0 16
check 1 'no memory: the negative of item' recall even.egm full.png --invert no
json=$("$engram" recall even.egm full.png --invert no --json --quiet)
grep -q '"kind":"negative"' <<<"$json" || problem "negative: $json"
grep -q '"recalled":false' <<<"$json" || problem "negative: $json"
"$engram" recall digits.egm full.png --invert no >out 2>err
absent negative

# classical: the patterns are kept, and the certificate is whole
check 0 'identity.*, sign; kept as dense' store classical.egm semeion --memory classical --limit 5
check 0 'one memory: item 3 ' recall classical.egm --item 3 --memory rectified:20
check 0 'proved for this rule' recall classical.egm --item 2 --memory rectified:20
"$engram" recall classical.egm --item 3 --json --quiet >out 2>err
grep -q '"overlap":[0-9]' out || problem "classical: no overlap"
grep -q '"lyapunov":true' out || problem "classical: no proof"
check 1 'dynamics async' recall classical.egm --item 3 --memory classical --hide 0.2
"$engram" store same.egm semeion --memory classical --storage hebb --limit 5 --quiet >out 2>err
for name in classical same; do
    "$engram" recall $name.egm --sample 5 --hide 0.4 -o $name.csv --quiet >out 2>err
done
cmp -s classical.csv same.csv || problem "classical: patterns and Hebb's weights come apart"
for weights in hebb storkey pseudoinverse; do
    check 0 "kept as $weights" store $weights.egm semeion --memory classical --storage $weights \
        --limit 5
    check 0 'hold no patterns to compare with' recall $weights.egm own.png
    "$engram" recall $weights.egm own.png --json --quiet >out 2>err
    grep -q '"recalled":false' out || problem "$weights: recalled"
done
check 0 'recovered  yes; overlap 1.0* with item 3' recall pseudoinverse.egm --item 3
check 0 'recovered 100.0 %' recall pseudoinverse.egm --sample 5
"$engram" delete pseudoinverse.egm 2 --quiet >out 2>err || problem "delete"
check 0 'recovered  yes; overlap 1.0* with item 3' recall pseudoinverse.egm --item 3

# a short name leaves the storage alone
"$engram" store bits.egm semeion --storage bits --quiet >out 2>err || problem "store bits"
check 0 'order 30.*kept as bits' recall bits.egm --item 17 --memory rectified:30
check 2 'this file is bits, not dense' recall bits.egm --item 17 --storage dense

# names that are no files, pictures that are none
check 4 'cue.png: no such file' recall digits.egm cue.png
check 4 'my cue: no such file' recall digits.egm 'my cue'
check 4 'no such file' recall digits.egm pictures/cue
check 4 'neither a file nor a data set' recall digits.egm cue
check 2 'data set semeion has no parts: expected semeion, got semeion/nopart' \
    recall digits.egm semeion/nopart
printf 'a,b,c,d\n1,2,3,4\n4,5,6,7\n' >four.csv
check 2 '4 numbers.*holds items of 256 numbers \(pictures of 16x16\)' recall digits.egm four.csv
"$engram" store four.egm four.csv --memory nearest --quiet >out 2>err || problem "store four"
check 2 'own.png holds pictures, the memory items of 4 numbers, not' recall four.egm own.png
check 2 'sets/rings holds pictures, the memory items of 4 numbers, not' recall four.egm sets/rings
check 2 'hide left is for pictures, the memory holds items of 4 numbers' \
    recall four.egm --item 1 --hide left
check 2 '256 numbers.*memory holds items of 4 numbers' recall four.egm semeion --limit 1
absent 0x0

# -o -: the picture and nothing else
"$engram" recall digits.egm own.png -o - >out.png 2>err </dev/null || problem "-o -"
grep -q '^recalled' err || problem "-o -: no words on standard error"
"$engram" recall digits.egm out.png >out 2>err || problem "-o -: no picture"
grep -q 'one memory: item 17 ' out || problem "-o -: another picture"

# twice the same pattern; nothing at all; not yet at rest
printf 'a,b,c\n1,2,3\n9,5,1\n1,2,3\n' >twice.csv
"$engram" store twice.egm twice.csv --memory nearest --quiet >out 2>err || problem "store twice"
check 0 'recovered 100.0 %.* of 3' recall twice.egm --sample 3
"$engram" delete four.egm 1 2 --quiet >out 2>err || problem "delete all"
check 1 'four.egm: nothing is stored' recall four.egm four.csv
check 1 'nothing yet: NOT at rest after 1 step ' recall digits.egm --item 17 --hide 0.3 --steps 1
check 1 'recovered  yes, but not at rest' recall digits.egm --item 17 --hide 0.3 --steps 1

# energies beyond a double, and within their rounding
"$engram" store huge.egm semeion --memory rectified:400 --beta 10 --limit 50 --quiet >out 2>err ||
    problem "store huge"
check 0 'energy +below -1.8e308' recall huge.egm --item 17 --hide 0.3
"$engram" recall huge.egm --item 17 --json --quiet >out 2>err
grep -q '"energy_after":null.*"energy_beyond_double":true' out || problem "huge: JSON"
check 0 'zero within its rounding' recall digits.egm --item 17 --memory compact

# routed: the same answers, and what is proved of them; storage and rules without an index
"$engram" store soft.egm semeion --memory modern:0.1 --quiet >out 2>err || problem "store soft"
check 0 'routed +1593 patterns in' recall soft.egm --sample 20 --hide 0.3 --routed 1e-3
check 0 'each update errs by at most' recall soft.egm --sample 20 --hide 0.3 --routed 1e-3
"$engram" recall soft.egm --sample 20 --hide 0.3 --routed 1e-3 --json --quiet >out 2>err
[ "$(grep -c '"left_out":' out)" = 20 ] || problem "routed: certificates"
"$engram" recall soft.egm --sample 20 --hide 0.3 --json --quiet >exact 2>err
paste -d' ' <(grep -o '"nearest_id":[0-9]*' out) <(grep -o '"nearest_id":[0-9]*' exact) |
    awk '$1 != $2 { exit 1 }' || problem "routed: others recalled"
check 0 'flash bytes +1656720' size soft.egm
check 0 '"kind": ?"memory"' size soft.egm --json
check 4 'nowhere.egm' size nowhere.egm

check 2 'separation rectified, expected softmax' recall digits.egm --item 17 --routed 1e-3

finish
