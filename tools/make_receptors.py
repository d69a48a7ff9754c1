#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make bits of T-cell receptors: packed (FPS), and a table of epitope and donor.

A receptor sets a bit for each V and J segment of both chains and for each word of one to three
letters in the CDR3 of a chain, told apart by chain; bits are CRC-32 of these names modulo --bits.
OUT.fps holds the bits, OUT-items.csv name, epitope and subject.

    tools/make_receptors.py tcr-epitope/dash.csv receptors/dash

Columns are those of Dash et al. 2017 as tcrdist3 has them; receptors without both CDR3 are left
out.
"""

import argparse
import csv
import pathlib
import sys
import zlib

CHAINS = ("a", "b")


def names(row: dict[str, str]) -> list[str]:
    out = []
    for c in CHAINS:
        cdr3 = row[f"cdr3_{c}_aa"].strip()
        out += [f"{c}:v:{row[f'v_{c}_gene']}", f"{c}:j:{row[f'j_{c}_gene']}"]
        for k in (1, 2, 3):
            out += [f"{c}:{cdr3[i:i + k]}" for i in range(len(cdr3) - k + 1)]
    return out


def packed(row: dict[str, str], bits: int) -> str:
    """Bit j of byte k is number 8 k + j."""
    out = bytearray((bits + 7) // 8)
    for name in names(row):
        k = zlib.crc32(name.encode()) % bits
        out[k // 8] |= 1 << k % 8
    return out.hex()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("table", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--bits", type=int, default=1024)
    o = p.parse_args()
    with open(o.table, encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    whole = [r for r in rows if all(r[f"cdr3_{c}_aa"].strip() for c in CHAINS)]
    o.out.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{o.out}.fps", "w", encoding="utf-8") as f:
        f.write(f"#FPS1\n#num_bits={o.bits}\n")
        f.writelines(f"{packed(r, o.bits)}\tr{i}\n" for i, r in enumerate(whole, 1))
    with open(f"{o.out}-items.csv", "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(["name", "epitope", "subject"])
        out.writerows([f"r{i}", r["epitope"], r["subject"]] for i, r in enumerate(whole, 1))
    print(f"{o.out}.fps: {len(whole)} receptors, {len(rows) - len(whole)} left out",
          file=sys.stderr)


if __name__ == "__main__":
    main()
