#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs fuzz targets that are built:  fuzz.sh ROOT JOBS SECONDS|campaign [TARGET...]
# SECONDS: each so long, on a copy of its corpus. campaign: each as often as the table says; what is
# done and found lies in build/fuzz/campaign, so that one that was stopped goes on where it was; of
# one that came to its end record.txt has a line, and the next begins with what was found.
# shellcheck disable=SC2317 # the functions are called through bash -c
set -euo pipefail

root=$1 jobs=$2 much=$3
shift 3
bin=${EG_FUZZ_BIN:-$root/build/fuzz/tests}
# a third faster: allocations are numerous and small
export ASAN_OPTIONS=malloc_context_size=2:quarantine_size_mb=4:max_malloc_fill_size=0
export root much bin

# Thousands of executions of a campaign: 10^8 in all, most of them where they cost little.
table() {
    cat <<'TABLE'
memory_file_sealed 4200
onnx 2000
memory_file 1000
model 4000
safetensors 2000
npz 500
npy 25000
idx 8000
cifar 300
csv 1000
svmlight 8000
png 16000
jpeg 3000
gzip 300
folder 1000
airr 2000
fps 20000
command_line 4000
json 20000
TABLE
}

# slice TARGET DIR LIMIT...: runs a target on its corpus in DIR; prints how many inputs were new.
slice() {
    local name=$1 dir=$2 log=$2/$1.log
    shift 2
    if [ ! -d "$dir/corpus/$name" ]; then
        mkdir -p "$dir/corpus/$name"
        cp -r "$root/tests/fuzz/corpus/$name/." "$dir/corpus/$name/" 2>/dev/null || true
    fi
    if ! (cd "$dir" && "$bin/fuzz_$name" "$@" -timeout=20 -rss_limit_mb=2560 -print_final_stats=1 \
        -artifact_prefix="$root/build/fuzz/finding-$name-" "corpus/$name") >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "$name: FINDING, see build/fuzz/finding-$name-*" >&2
        return 1
    fi
    awk '/INITED/ { known = substr($1, 2) } /number_of_executed_units/ { print $2 - known }' "$log"
}

for_seconds() { # TARGET
    local n
    n=$(slice "$1" "$dir" -max_total_time="$much") || return 1
    echo "$n" >"$dir/$1.done"
    echo "$1: $n executions"
}

# Slices of five minutes until the target has had its executions; one that is stopped counts not.
campaign() { # TARGET
    local had=0 of start n known
    of=$(table | awk -v name="$1" '$1 == name { print 1000 * $2 }')
    [ ! -f "$dir/$1.done" ] || read -r had <"$dir/$1.done"
    while [ "$had" -lt "${of:-0}" ]; do
        start=$SECONDS
        known=$(find "$dir/corpus/$1" -type f 2>/dev/null | wc -l)
        n=$(slice "$1" "$dir" -max_total_time=300 -runs=$((of - had + 2 * known + 1000))) ||
            return 1
        had=$((had + n))
        echo "$had" >"$dir/$1.done.new"
        mv "$dir/$1.done.new" "$dir/$1.done"
        echo "$1: $had of $of executions, $((n / (SECONDS - start + 1))) a second"
    done
}
export -f table slice for_seconds campaign

if [ "$much" = campaign ]; then
    what=campaign dir=$root/build/fuzz/campaign
    mkdir -p "$dir"
    targets=$(table | cut -d' ' -f1)
else
    what=for_seconds dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    targets=$(cd "$bin" && find . -maxdepth 1 -name 'fuzz_*' -type f -executable |
        sed 's,^\./fuzz_,,' | sort)
fi
export dir
[ $# -gt 0 ] || mapfile -t list <<<"$targets"
status=0
printf '%s\n' "${@-${list[@]}}" | xargs -r -P "$jobs" -I '{}' bash -c "$what {}" || status=1
total=$(cat "$dir"/*.done | awk '{ n += $1 } END { print n " executions in all" }')
echo "$total"
if [ "$what" = campaign ] && [ "$status" -eq 0 ] && [ $# -eq 0 ]; then
    echo "$(date -u +%F), $(sed -n 's/^model name[^:]*: //p;T;q' /proc/cpuinfo): $total" |
        tee -a "$dir/record.txt"
    rm "$dir"/*.done
fi
exit "$status"
