#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The result of a CTest run as one line, "N passed, N failed", from its JUnit file.
Usage: test_summary.py FILE"""
import pathlib
import sys
import xml.etree.ElementTree as ET

path = pathlib.Path(sys.argv[1])
suite = ET.parse(path).getroot() if path.exists() else {}
COUNTS = ("tests", "failures", "skipped", "disabled")
tests, failed, *idle = (int(suite.get(key, 0)) for key in COUNTS)
if any(idle):
    for case in suite.iter("testcase"):
        if case.find("skipped") is not None:
            print("skipped:", case.get("name"))
print(f"{tests - failed - sum(idle)} passed, {failed} failed")
