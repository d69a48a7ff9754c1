#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What we export, by onnx.checker with inference of shapes: onnx_checker.sh TEST_ONNX_EXPORT. The
# test writes its networks; 77 (skipped) where python3-onnx is absent.
set -euo pipefail
python=
for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import onnx' 2>/dev/null; then python=$candidate; break; fi
done
[ -n "$python" ] || { echo "skipped: python3-onnx is absent"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
EG_ONNX_KEEP=$folder "$1" >"$folder/log" 2>&1 || { tail -n 40 "$folder/log"; exit 1; }
"$python" - "$folder" <<'END'
import pathlib
import sys

import onnx

paths = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"))
failed = 0
for path in paths:
    model = onnx.load(str(path))
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # whatever it says is what failed
        print(f"{path.name}: {error}")
        failed += 1
print(f"onnx {onnx.__version__}: {len(paths) - failed} of {len(paths)} exports pass")
sys.exit(failed > 0 or not paths)
END
