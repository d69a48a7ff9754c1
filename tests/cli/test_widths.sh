#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Models that meet sets of another width: repertoires with shorter and longer sequences, svmlight
# with fewer and more columns; numbers that no score comes of, layers that no machine holds.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

repertoire() { # FOLDER SEQUENCE...: two donors, each with all of them
    local folder=$1
    mkdir -p "$folder"
    shift
    printf 'junction_aa\n' >"$folder/a.tsv"
    printf '%s\n' "$@" >>"$folder/a.tsv"
    cp "$folder/a.tsv" "$folder/b.tsv"
    printf 'filename\tstatus\na.tsv\tsick\nb.tsv\twell\n' >"$folder/metadata.tsv"
}
cat >deeprc.json <<'JSON'
{"kind": "network", "layers": [{"kind": "bag_attention", "name": "pool", "layers": ["residues",
  {"kind": "conv1d", "channels": 4, "kernel": 3}, "activation", "place_max"]}, "linear"]}
JSON
repertoire old CASSF CASSLF CAWWWSLFF
repertoire short CASSF CASSLF
repertoire long CASSF CASSLF CAWWWSLFFFFFF
repertoire far CAWWWSLFFFFFF
check 0 . train old/metadata.tsv --label-column status --model deeprc.json --scale none \
    --epochs 1 -o rep
check 0 '^a.tsv,' predict rep short/metadata.tsv
cp out short.csv
check 0 'note +long/metadata.tsv: 2 sequences of more than 9 letters.*left out' predict rep \
    long/metadata.tsv
cmp -s out short.csv || problem "predict: what is left out changes a score"
check 0 'accuracy' eval rep long/metadata.tsv --label-column status
check 3 'far/a.tsv:2:1: no receptor of up to 9 letters' predict rep far/metadata.tsv
check 0 '2 sequences of more than 9 letters' train old/metadata.tsv --label-column status \
    --model deeprc.json --scale none --epochs 1 --test long/metadata.tsv

printf '1 1:1 2:1 3:5\n1 1:2 2:1 3:4\n2 1:-1 2:1 3:-5\n2 1:-2 2:-1 3:-4\n' >four.svm
printf '1 1:2\n2 1:-2\n' >narrow.svm
printf '1 1:2 4:1\n' >wide.svm
check 0 . train four.svm --index-base 1 --kind class_mean --scale none -o means
check 0 'accuracy +1' eval means narrow.svm --index-base 1
check 3 'wide.svm:1:7: expected an index up to 3, as many columns' predict means wide.svm \
    --index-base 1

# the item is named that has no score
printf 'x,y,label\n1,1,0\n2,1,0\n1,2,1\n2,2,1\n' >fine.csv
printf 'x,y\n1,1\n2,1\n3e38,-3e38\n' >huge.csv
check 0 . train fine.csv --hidden 64 --epochs 1 --scale none -o net
check 1 'item 2: ' predict net huge.csv

# a slip is refused, by name, and not by the kernel
echo '{"kind": "network", "layers": [{"kind": "hopfield_layer", "name": "memory",
    "quantity": 1000000000}, "linear"]}' >huge.json
check 5 'memory.lookup_weights would be \(1, 1000000000, 2\)' train fine.csv --model huge.json \
    --epochs 1

finish
