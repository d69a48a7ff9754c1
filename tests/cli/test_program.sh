#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The program as a user meets it: every command, its exit codes and its messages.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"
one_json() { # ARGS...: one JSON value
    "$engram" "$@" --json --quiet >out 2>err </dev/null
    python3 -m json.tool <out >/dev/null || problem "engram $* --json: not JSON"
}
json_lines() {
    "$engram" "$@" --json --quiet >out 2>err </dev/null
    python3 -c 'import json, sys; assert [json.loads(l) for l in sys.stdin]' <out ||
        problem "engram $* --json: not lines of JSON"
}

# help, typos, usage
check 0 'store' help
check 0 'did|engram tour' help tour
check 0 'dense associative' help memories
check 2 'did you mean store' sotre
check 2 'did you mean --beta' store --betta 3 a b
check 2 'did you mean dam' store x.egm semeion --memory dan:3
check 2 'did you mean softmax' store x.egm semeion --separation softmac
check 2 'expected 2 arguments' store onlyone.egm
check 2 'whole number.*got "abc"' theory --seed abc
check 2 'a number from 0 to 1' recall x.egm --flip 2
for verb in $("$engram" help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | grep -vx engram | sort -u); do
    "$engram" "$verb" --help >out 2>err || problem "engram $verb --help"
    [ "$(head -n 1 out)" = "Examples:" ] || problem "engram $verb --help: no examples first"
done
check 0 '^\.TH ENGRAM 1' help --man
"$engram" help --completion >completion || problem "help --completion"
for word in dam-capacity fashion-mnist 'list info get' 'dam: ' exponential: memories; do
    grep -q -- "$word" completion || problem "completion: no $word"
done
check 0 "Next:  $engram data info" data list
ENGRAM_CALLED_AS='./run engram' check 0 'Next:  ./run engram data info' data list
mkdir -p tree/tools tree/build/release bin # ./run says how it was called
cp "$ENGRAM_SHARE/run" tree
touch tree/tools/packages.txt tree/build/release/build.ninja
ln -s "$(type -P true)" bin/cmake
cat >tree/build/release/engram <<'SH'
#!/bin/sh
echo "$ENGRAM_CALLED_AS"
SH
chmod +x tree/build/release/engram
for typed in ./run ../tree/run; do
    (cd tree && PATH=$scratch/bin:$PATH $typed engram) >out 2>err
    [ "$(cat out)" = "$typed engram" ] || problem "$typed: another name"
done
bash -n completion || problem "completion: no shell"
check 0 '0\.' --version

# store, info, verify
check 0 'recall digits.egm' store digits.egm semeion
check 4 'already there' store digits.egm semeion
check 0 '1593' info digits.egm
check 0 'shape +pictures 16 wide and 16 high, grey' info digits.egm
check 0 'whole +yes' verify digits.egm
one_json info digits.egm
one_json verify digits.egm
check 0 '3186' store digits.egm semeion --append
printf 'a,b,c\n1,2,3\n4,5,6\n' >small.csv
check 2 'numbers of 256|256 numbers.*2 x 3' store digits.egm small.csv --append
check 4 'neither a file nor a data set' store y.egm no-such-thing
[ ! -e y.egm ] || problem "a failed store left a file"
printf 'a,b,c\n1,2,3\n4,5,6\n' | "$engram" store piped.egm - --memory nearest --quiet >out 2>err ||
    problem "store from -"
check 0 'patterns +2' info piped.egm

# every command that reads data has the same options for it
printf 'id,x,y,kind\n7,1,2,a\n8,4,5,b\n9,0,5,b\n' >named.csv
printf '1 0:1 1:2\n2 0:4 1:5\n' >named.svm
how=(--skip id --label-column kind)
check 0 'data +3 items of 2 numbers, with labels' store named.egm named.csv "${how[@]}" \
    --memory nearest
check 0 'recalled +one memory: item 1 ' recall named.egm named.csv "${how[@]}" --limit 1
check 0 '2 of 2' recall named.egm named.svm --index-base 0
check 3 'named.csv:2:' recall named.egm named.csv
check 0 'size +2$' data info named.csv "${how[@]}"
check 0 'classes +2$' data info named.csv "${how[@]}"
check 0 'items +2$' data info named.svm --index-base 0 --limit 2
check 2 'both or none' data info named.csv "${how[@]}" --width 3
for verb in store recall data; do
    for option in format limit skip label-column index-base; do
        "$engram" $verb --help | grep -q -- "--$option " || problem "$verb: no --$option"
    done
done

# recall
check 0 'recalled +one memory: item 17 ' recall digits.egm --item 17 --hide 0.3
check 0 'recovered' recall digits.egm --sample 20 --hide 0.3
check 0 'proved|equal' recall digits.egm --item 17 --hide top --clamp
check 2 'give one of' recall digits.egm
check 2 'expected a share' recall digits.egm --item 17 --hide sideways
check 1 'no stored item' recall digits.egm --item 999999
check 1 'mixture|average' recall digits.egm --item 17 --memory modern:0.00001
check 2 '3 numbers \(2x3\).*256' recall digits.egm small.csv
one_json recall digits.egm --item 17 --hide 0.3 --trace
json_lines recall digits.egm --sample 5 --flip 0.1
check 0 'wrote' recall digits.egm --item 17 --hide 0.5 -o fixed.png --strip strip.png
check 0 'wrote' recall digits.egm --sample 3 -o states.npy
check 0 'wrote' recall digits.egm --sample 3 -o states.csv
check 2 'expected .npy' recall digits.egm --sample 3 -o states.xyz
check 0 'one memory: item 17 ' recall digits.egm fixed.png
"$engram" recall digits.egm - --quiet <fixed.png >out 2>err || problem "recall of a picture from -"
check 0 'one memory' recall digits.egm states.csv --as-is --limit 1
check 0 '[#@%]' recall digits.egm --item 17 --picture
LC_ALL=C.UTF-8 TERM=xterm-256color NO_COLOR=1 \
    "$engram" recall digits.egm --item 17 --picture >out 2>err
! grep -q $'\x1b' out err || problem "NO_COLOR: an escape sequence"
grep -q '█' out || problem "UTF-8: no blocks"

# a value with each item
check 0 'yes' store valued.egm semeion --memory modern:1 --values --limit 300
check 0 '^value' recall valued.egm --item 5 --read

# files: backup, delete, vacuum, export, repair
check 0 'verified +yes' backup digits.egm copy.egm
check 4 . backup digits.egm copy.egm
check 0 'patterns +3184' delete copy.egm 3 5
check 1 . delete copy.egm 3
check 2 'expected an id' delete copy.egm three
check 0 'bytes' vacuum copy.egm
check 0 'whole +yes' verify copy.egm
check 0 'safetensors' export copy.egm out.safetensors
check 0 'npy' export copy.egm out.npy
check 2 'expected a name ending' export copy.egm out.bin
check 4 . info absent.egm
echo 'not a memory' >junk.egm
check 3 . info junk.egm
check 3 . verify junk.egm
check 3 . recall junk.egm --item 1
: >empty.egm
check 3 . info empty.egm
head -c 20000 copy.egm >short.egm
"$engram" verify short.egm >out 2>err
case $? in 1 | 3) ;; *) problem "verify of a truncated file" ;; esac
python3 - copy.egm flipped.egm <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 16
open(sys.argv[2], "wb").write(data)
PY
"$engram" verify flipped.egm >out 2>err
case $? in 1 | 3) ;; *) problem "verify of a flipped bit" ;; esac
"$engram" repair flipped.egm repaired.egm >out 2>err
case $? in 0 | 1) ;; *) problem "repair of a flipped bit" ;; esac
check 0 'whole +yes' verify repaired.egm

# theory, capacity, data, doctor, reproduce, bench
check 0 'dam-capacity' theory
check 0 'Krotov' theory dam-capacity n=3 N=100
check 0 '^ *5' theory dam-capacity n=2:5:1
check 2 'did you mean dam-capacity' theory dam-capasity
check 2 'no parameter' theory dam-capacity zeta=1
check 2 'not in' theory dam-capacity N=-5
one_json theory dam-capacity
check 0 'recovered' capacity --memory classical --size 60 --loads 0.05,0.1 --trials 20 --draws 2
json_lines capacity --memory dam:3 --size 40 --patterns 10,20 --trials 20 --draws 2
check 0 'patterns,load' capacity --size 40 --patterns 10 --trials 10 --draws 1 --csv
check 0 'wrote' capacity --size 40 --patterns 10,20 --trials 10 --draws 1 --report capacity.html
check 2 'expected a list' capacity --loads none
ASAN_OPTIONS=allocator_may_return_null=1 \
    check 5 '^engram: out of memory: capacity: [0-9]* bytes' \
    capacity --size 1000000 --patterns 1000000000 --trials 1 --draws 1
check 0 'semeion' data list
check 0 'pictures 16 wide and 16 high, grey' data info semeion
check 2 'did you mean semeion' data get semeon
json_lines data list
json_lines theory
one_json help
one_json help recall
json_lines help memories
one_json data info semeion
check 0 'works' doctor
one_json doctor
check 0 'sdm: locations within this distance take part$' store --help
check 0 . reproduce
"$engram" reproduce xor --json --quiet >out 2>err || problem "reproduce xor"
grep -q '"setting":"quick".*"seed":0.*"engram":"[0-9.]*".*"threads":[1-9].*"learners":\[\]' out ||
    problem "reproduce: no line of how it ran"
check 2 'no experiment' reproduce no-such-experiment
check 2 'no benchmark' bench nothing
check 2 'standard output alone' bench association -o figures.txt

# an interrupted store goes on with the same data and the same memory, and with nothing else
python3 - <<'PY'
for name, flip in (("a", 0), ("b", 1)):
    with open(name + ".csv", "w") as f:
        f.write("x,y,z\n" + "".join(f"{i},{i * 7 % 101},{i % 3 + flip}\n" for i in range(120000)))
PY
for delay in 0.02 0.05 0.1 0.2 0.4 0.8; do
    rm -f half.egm
    "$engram" store half.egm a.csv --memory nearest >out 2>err &
    job=$!
    while [ ! -e half.egm ] && kill -0 $job 2>/dev/null; do sleep 0.01; done
    sleep "$delay"
    kill -INT $job 2>/dev/null
    wait $job
    [ $? -eq 130 ] && "$engram" info half.egm 2>err | grep -qE 'stored [0-9]{2,} of' && break
done
check 0 'unfinished +stored [0-9]+ of 120000 items of a.csv' info half.egm
check 2 'rest of a.csv .*b.csv' store half.egm b.csv --resume
check 2 'is a memory of euclidean.*asked for dot, softmax' \
    store half.egm a.csv --resume --memory modern:2
check 2 'resume stores it first' store half.egm b.csv --append
check 0 'deleted +2' delete half.egm 1,2
check 0 'stored +119998' store half.egm a.csv --resume --memory nearest
check 0 'complete +yes' info half.egm
check 2 'no interrupted store' store half.egm a.csv --resume
check 2 'asked for' store half.egm a.csv --append --memory modern:2
check 0 'npy' export half.egm half.npy
check 0 . store whole.egm a.csv --memory nearest
check 0 . delete whole.egm 1,2
check 0 . export whole.egm whole.npy
cmp half.npy whole.npy || problem "a store that was resumed differs from one that was not"

# names that would steer a terminal, or a shell that a line is pasted into
hostile="sp ace;\$(touch pasted).egm"
check 0 . store "$hostile" a.csv --limit 3 --memory nearest --title $'\e[31mred\a\nline'
check 0 'title +\?\[31mred\?\?line$' info "$hostile"
next=$(sed -n 's/.*Next: *//p' err)
eval "$next" >out 2>&1 || problem "a next line that cannot be pasted: $next"
[ ! -e pasted ] || problem "a next line ran a command: $next"
check 4 . info $'a\e[31m.egm'
grep -q $'\e' err && problem "an error steers the terminal"

# - as output, two places for one output
"$engram" export half.egm - --format npy 2>err | cmp - half.npy || problem "export to -"
check 2 'give --format' export half.egm -
check 2 'second place' export half.egm z.npy -o y.npy
check 2 'not to a stream' backup half.egm -
check 2 'not to a stream' store - a.csv
for f in ./- z.npy y.npy; do [ ! -e "$f" ] || problem "a file $f"; done
"$engram" repair flipped.egm again.egm >out 2>err
grep -q 'memories kept *3184' out || problem "repair: no memories"
check 4 '^engram: no/such/x.egm: create' backup half.egm no/such/x.egm
check 3 '^engram: junk.egm: [^.]*no memory file' info junk.egm
check 2 'FILE.egm DATA\)' store onlyone.egm
check 0 '"file": "half.egm"' --json -q --seed 3 info half.egm
check 2 'did you mean info' -q inof half.egm

# Ctrl-C of what has no safe place to stop at
"$engram" bench association >out 2>err &
job=$!
sleep 0.3
kill -INT $job
wait $job
[ $? -eq 130 ] || problem "bench: Ctrl-C"

# data: parts, folders that are not there, a download of one's own
mkdir -p sets/two
printf 'a,b\n1,2\n' | tee sets/two/one.csv >sets/two/other.csv
ENGRAM_DATA=$scratch/sets check 0 'parts +one, other' data info two
ENGRAM_DATA=$scratch/absent check 0 'not there: .*absent' data list
check 0 'folder +' data get semeion
check 2 'go together' data get mine --url http://127.0.0.1:1/x
python3 -u -m http.server 0 --bind 127.0.0.1 >server 2>&1 &
server=$!
for _ in $(seq 100); do grep -q 'port' server && break; sleep 0.05; done
port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' server)
sum=$(sha256sum small.csv | cut -d ' ' -f 1)
check 0 "sha256 +$sum" data get mine --url "http://127.0.0.1:$port/small.csv" \
    --sha256 "$sum" -o got.csv
cmp got.csv small.csv || problem "data get: another file"
check 3 'expected 0000' data get mine --url "http://127.0.0.1:$port/small.csv" \
    --sha256 "$(printf '%064d' 0)" -o wrong.csv
[ ! -e wrong.csv ] || problem "data get: a wrong file was kept"
check 0 'downloaded +yes' data get mine --url "http://127.0.0.1:$port/small.csv" --sha256 "$sum"
check 0 'size +3' data info mine
check 0 'downloaded +no' data get mine --url "http://127.0.0.1:$port/small.csv" --sha256 "$sum"
check 4 404 data get mine --url "http://127.0.0.1:$port/none" --sha256 "$sum" -o none.csv
# a row of the catalogue: its files and sums, from a mirror that holds others
mkdir mirror
echo other >mirror/train-images-idx3-ubyte.gz
check 3 'expected 440fcabf73cc' data get mnist --mirror "http://127.0.0.1:$port/mirror"
grep -q 'GET /mirror/train-images-idx3-ubyte.gz' server || problem "data get: another file"
[ ! -e home/engram/mnist ] || problem "data get: a folder was left"
check 4 'mirror/train-images-idx3-ubyte.gz: .*404' data get fashion-mnist \
    --mirror "http://127.0.0.1:$port/no/mirror/" -o clothes
check 2 'for another file' data get mnist --mirror http://127.0.0.1:1 --url http://x/y \
    --sha256 "$sum"
check 4 'no address in the catalogue: .*cifar-10-binary.tar.gz, unpacked' data get cifar10
check 4 'not on this machine: engram data get mnist' data info mnist
kill $server
wait $server 2>/dev/null

# output: -o, a full disk, a closed one, a reader that has gone
check 0 'wrote' info digits.egm --json -o info.json
python3 -m json.tool <info.json >/dev/null || problem "-o: not JSON"
"$engram" info digits.egm >/dev/full 2>err
[ $? -eq 4 ] || problem "/dev/full: exit 4 expected"
"$engram" info digits.egm >&- 2>err
[ $? -eq 4 ] || problem "standard output closed: exit 4 expected"
check 4 . info digits.egm -o no/such/folder/file
# ... is written beside, under a name that nobody laid there; a memory file is not overwritten,
# and a pipe, a device or a link to one stays what it is
cp digits.egm mine.egm
for verb in info verify vacuum; do
    check 4 'mine.egm: .*a memory file, and it is not overwritten' "$verb" mine.egm -o mine.egm
done
check 4 'not overwritten' delete mine.egm 1 -o mine.egm
check 4 'not overwritten' dynamics pspin n=8 t=1 points=2 --report mine.egm
cmp digits.egm mine.egm || problem "-o: a memory file was changed"
echo mine | tee victim >other.part
ln -s victim answer.part
check 0 'wrote' info digits.egm -o answer
check 0 'wrote' info digits.egm -o other
cat victim other.part | grep -vqx mine && problem "-o: another file was written"
mkfifo queue
timeout 60 cat queue >answer &
check 0 'wrote' info digits.egm -o queue
wait $!
if ! grep -q patterns answer || [ ! -p queue ]; then problem "-o: a pipe"; fi
ln -s /dev/null sink
check 0 'wrote' info digits.egm -o sink
if [ ! -L sink ] || [ ! -c /dev/null ]; then problem "-o: a device"; fi
mkdir a-folder
check 4 'a-folder: cannot be written: Is a directory' info digits.egm -o a-folder
set -o pipefail
"$engram" recall digits.egm --sample 500 --json 2>err | head -n 1 >out || problem "| head"
set +o pipefail
check 0 'patterns' info digits.egm --quiet
"$engram" info digits.egm --quiet >out 2>err
[ ! -s err ] || problem "--quiet: something on standard error"

finish
