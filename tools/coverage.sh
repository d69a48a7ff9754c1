#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Branches of the memory file's store and of the readers that their tests take. The two floors and
# base are compiled for gcov; the rest of the library is that of the release build. Usage:
# coverage.sh ROOT; a line a file, then the sum. Branches that only a failing assertion of the
# compiler could take are not counted (gcov -b counts calls' exceptions for C++ alone).
set -euo pipefail
root=$1
out=$root/build/coverage
tests=(unit/test_store unit/test_memory_file unit/test_memory_load unit/test_dataset unit/test_items
    unit/test_image unit/test_bags_csv unit/test_repertoire unit/test_catalogue
    unit/test_array_writers faults/test_memory_file_damage faults/test_memory_file_faults
    faults/test_memory_file_repair faults/test_memory_file_create faults/test_io_errors
    faults/test_readers_faults faults/test_bombs faults/test_paths faults/test_interrupted)
targets=(csv svmlight idx npy npz cifar fps gzip png jpeg airr)

[ -f "$root/build/release/libengram.a" ] || {
    echo "coverage: ./run engram help builds first"
    exit 1
}
mkdir -p "$out/o" "$out/bin" "$out/tmp"
flags=(-std=c17 -D_GNU_SOURCE -O0 -g "-I$root/include" "-I$root/src" "-I$root/tests" -fopenmp
    -DEG_PARALLEL_OPENMP "-DEG_SOURCE_DATA=\"$root/data\"" '-DEG_INSTALL_DATA="/nowhere"')
libs=(-lsqlite3 -lxxhash -ljansson -lpng -ljpeg -lz -lzip -lcurl -lopenblas -llapacke
    -lsundials_cvode -lsundials_nvecserial -lsundials_sunlinsolspgmr
    -lsundials_sunnonlinsolfixedpoint -ldnnl -lsvm -lcmocka -lm -fopenmp)
cd "$out/o"
rm -f ./*.gcda
for file in "$root"/src/{store,data}/*.c "$root/src/base/file.c"; do
    name=$(basename "$file" .c)
    [ "$name.o" -nt "$file" ] || gcc "${flags[@]}" --coverage -c "$file" -o "$name.o"
done
build() { # NAME SOURCES...
    local name=$1
    shift
    gcc "${flags[@]}" "$@" "$out"/o/*.o "$root/build/release/libengram.a" "${libs[@]}" --coverage \
        -o "$out/bin/$name" 2>"$out/bin/$name.log"
}
export EG_TEST_TMP=$out/tmp EG_TEST_DATA=$root/data EG_TEST_DOCS=$root/docs OMP_NUM_THREADS=1
cd "$out/tmp"
for test in "${tests[@]}"; do
    name=$(basename "$test")
    build "$name" "$root/tests/$test.c" || { echo "$name: not built"; continue; }
    "$out/bin/$name" >"$out/tmp/$name.log" 2>&1 || echo "$name: failed"
done
for target in "${targets[@]}"; do
    build "fuzz_$target" "$root"/tests/fuzz/{fuzz_"$target",replay_main}.c || continue
    "$out/bin/fuzz_$target" "$root/tests/fuzz/corpus/$target" >/dev/null || echo "$target: failed"
done
cd "$out/o"
gcov -b -c ./*.gcda 2>/dev/null | awk '
    /^File/ { file = $2; gsub(/\047/, "", file) }
    /^Lines executed/ { split($0, part, /[:% ]+/); lines = part[3] }
    /^Branches executed/ { have = 1 }
    /^Taken at least once/ && file ~ /src\/(store|data)\// {
        split($0, part, /[:% ]+/)
        n = $NF; share = part[5]
        sub(/.*\/src\//, "", file)
        printf "%-28s %6.1f %% of %4d branches, %6.1f %% of lines\n", file, share, n, lines
        floor = file; sub(/\/.*/, "", floor)
        all[floor] += n; taken[floor] += n * share / 100
    }
    END {
        for (f in all)
            printf "%s: %.1f %% of %d branches\n", f, 100 * taken[f] / all[f], all[f]
    }'
