#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Make fingerprints of molecules, packed bits (FPS) or svmlight, and a table of their properties.

Extended-connectivity fingerprints (Rogers and Hahn 2010) of the SMILES of a table, by Debian's
python3-rdkit (the system's interpreter has it), and the Bemis-Murcko scaffold of each molecule.
OUT.fps holds the bits (with --svmlight OUT.svm, indices from 1), OUT-items.csv a row a molecule:
name, scaffold, then the columns that are kept, an empty cell where nothing was measured.

    tools/make_fingerprints.py BACE.csv fingerprints/BACE --smiles mol --keep Class

Labels in OUT.svm are those of the only column kept; of several all are 0, and the table is to be
named: engram compare OUT.svm --index-base 1 --labels OUT-items.csv --label-column NAME. Molecules
that cannot be read are left out of both files, and counted. --all makes the four sets
of Ramsauer et al. 2021 from a folder of tables into the folder OUT.
"""

import argparse
import csv
import gzip
import pathlib
import sys

from rdkit import Chem, RDLogger
from rdkit.Chem import rdMolDescriptors
from rdkit.Chem.Scaffolds import MurckoScaffold

# name, file, column of SMILES, columns of labels (None: all others)
SETS = [
    ("BACE", "BACE.csv", "mol", ["Class"]),
    ("BBBP", "BBBP.csv", "smiles", ["BBBP"]),
    ("SIDER", "SIDER.csv", "smiles", None),
    ("HIV", "HIV.csv.gz", "smiles", ["HIV_active"]),
]
ACYCLIC = "acyclic"  # one group, as molecules without a ring have no scaffold


def read_table(path: pathlib.Path) -> list[dict[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def hexadecimal(on: list[int], bits: int) -> str:
    """Bit j of byte k is number 8 k + j."""
    packed = bytearray((bits + 7) // 8)
    for k in on:
        packed[k // 8] |= 1 << k % 8
    return packed.hex()


def item(smiles: str, radius: int, bits: int) -> tuple[list[int], str] | None:
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        return None
    on = rdMolDescriptors.GetMorganFingerprintAsBitVect(molecule, radius, nBits=bits).GetOnBits()
    scaffold = MurckoScaffold.MurckoScaffoldSmiles(mol=molecule, includeChirality=False)
    return list(on), scaffold or ACYCLIC


def fps_lines(names: list[str], found: list[list[int]], o: argparse.Namespace) -> list[str]:
    head = ["#FPS1", f"#num_bits={o.bits}", f"#type=ECFP{2 * o.radius}"]
    return head + [f"{hexadecimal(on, o.bits)}\t{name}" for name, on in zip(names, found)]


def svm_lines(labels: list[str], found: list[list[int]]) -> list[str]:
    return [" ".join([y] + [f"{k + 1}:1" for k in on]) for y, on in zip(labels, found)]


def write_set(table: list[dict[str, str]], out: pathlib.Path, smiles: str,
              keep: list[str] | None, o: argparse.Namespace) -> None:
    if not table or smiles not in table[0]:
        sys.exit(f"{out.name}: no column {smiles!r}; there are {list(table[0]) if table else []}")
    labels = keep if keep is not None else [c for c in table[0] if c != smiles]
    unknown = [c for c in labels if c not in table[0]]
    if unknown:
        sys.exit(f"{out.name}: no column {unknown[0]!r}; there are {list(table[0])}")
    out.parent.mkdir(parents=True, exist_ok=True)
    names, found, one, rows = [], [], [], []
    for number, row in enumerate(table, 1):
        made = item(row[smiles].strip(), o.radius, o.bits)
        if made is None:
            continue
        values = [row[c].strip() for c in labels]
        names.append(f"m{number}")
        found.append(made[0])
        one.append(values[0] if len(values) == 1 and values[0] else "0")
        rows.append([names[-1], made[1]] + values)
    lines = svm_lines(one, found) if o.svmlight else fps_lines(names, found, o)
    bits = f"{out}.svm" if o.svmlight else f"{out}.fps"
    pathlib.Path(bits).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with open(f"{out}-items.csv", "w", encoding="utf-8", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows([["name", "scaffold"] + labels] + rows)
    print(f"{bits}: {len(rows)} molecules, {len(table) - len(rows)} could not be read",
          file=sys.stderr)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("table", type=pathlib.Path, help="CSV, plain or gzip; with --all a folder")
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--smiles", default="smiles", help="column of the SMILES")
    p.add_argument("--keep", help="columns that are kept, separated by ','; else all others")
    p.add_argument("--radius", type=int, default=2)
    p.add_argument("--bits", type=int, default=1024)
    p.add_argument("--svmlight", action="store_true", help="OUT.svm in the place of OUT.fps")
    p.add_argument("--all", action="store_true", help="BACE, BBBP, SIDER and HIV")
    o = p.parse_args()
    RDLogger.DisableLog("rdApp.*")
    if not o.all:
        keep = o.keep.split(",") if o.keep else None
        write_set(read_table(o.table), o.out, o.smiles, keep, o)
        return
    for name, file, smiles, keep in SETS:
        if (o.table / file).exists():
            write_set(read_table(o.table / file), o.out / name, smiles, keep, o)


if __name__ == "__main__":
    main()
