#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The tour as a new user runs it, its folder, its report; and Ctrl-C in the middle of it.
# shellcheck source=tests/cli/preamble.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/preamble.sh"

# one thread and two, side by side
"$engram" tour -o again --seed 3 --threads 2 >out2 2>err2 &
two=$!
"$engram" tour -o first --seed 3 --threads 1 >out 2>err || problem "tour: exit $?"
wait $two || problem "tour with two threads: exit $?: $(cat err2)"
for line in '1/4 data .*1593' '2/4 store .*verified' '3/4 recall .*recovered' '4/4 report'; do
    grep -Eq "$line" out || problem "tour: no line \"$line\""
done
for file in config.json env.json metrics.jsonl log.txt report.html digits.egm cue.png \
    frozen.onnx known.onnx; do
    [ -s "first/$file" ] || problem "tour: no $file"
done
python3 - <<'PY' || problem "tour: its folder"
import html.parser, json, os, re
json.load(open("first/config.json")), json.load(open("first/env.json"))
rows = [json.loads(line) for line in open("first/metrics.jsonl")]
recall = [row for row in rows if row.get("chapter") == "recall"][0]
assert recall["recovered"] > 0.95, recall
bags = [row for row in rows if row.get("chapter") == "bags"][0]
assert bags["accuracy"] > 0.85 and bags["looked_at_most"] > 0.8, bags
teach = [row for row in rows if row.get("chapter") == "teach"][0]
assert teach["before"] > 0.85 and teach["pair"] > 0.58 and teach["one"] > 0.15, teach
assert teach["ten"] > teach["one"] + 0.1, teach
assert teach["old_then"] > teach["before"] - 0.1 and teach["old_after"] == teach["before"], teach
known = [row for row in rows if row.get("chapter") == "known"][0]
assert known["accuracy"] > 0.8 and 0 < known["above_quarter"] < 0.3, known
assert -0.05 < known["memorised"] < 0.2 and known["bound"] > 1 - known["accuracy"], known
glass = [row for row in rows if row.get("chapter") == "glass"][0]
assert abs(glass["simulated"] - glass["theory"]) < 4.5 * glass["error"] + 4 / 60, glass
assert glass["theory"] > 0.9 and 0 < glass["error"] < 0.1, glass
text = open("first/report.html", encoding="utf-8").read()
assert len(text) < 2 << 20
assert not re.search(r'(src|href)="(?!data:)', text), "the report points outside itself"
void = {"meta", "img"}
open_tags = []
class Check(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs):
        if tag not in void:
            open_tags.append(tag)
        if tag == "img":
            assert dict(attrs).get("alt"), "a picture without words"
    def handle_startendtag(self, tag, attrs):
        pass
    def handle_endtag(self, tag):
        assert open_tags.pop() == tag, tag
Check().feed(text)
assert not open_tags, open_tags
for caption in ("cue", "step 1", "recalled", "stored"):
    assert f"<figcaption>{caption}</figcaption>" in text, caption
for heading in ("What a network knows by heart", "Layer by layer", "How its loss curves",
                "What can be promised", "A signal among minima"):
    assert f">{heading}</h2>" in text, heading
assert text.count("<figcaption>weight ") == 18  # six digits of each of three bags
assert "theory: stored up to" in text and re.search(r'class="date">20\d\d-', text)
colour = {}  # a memory keeps its colour: the same class wherever its name is in a legend
legend = r'class="line c(\d)[^>]*>(?:<path[^>]*></path>)?</svg>(rectified:\d+)<'
for c, name in re.findall(legend, text):
    assert colour.setdefault(name, c) == c, name
assert len(colour) >= 3 and len(set(colour.values())) == len(colour), colour
assert text.count("<svg class=\"chart\"") >= 4 and text.count("Download as CSV") >= 4
PY
"$engram" recall first/digits.egm first/cue.png -o fixed.png >out 2>err ||
    problem "recall of cue.png"
grep -q 'one memory' out || problem "recall of cue.png: no memory"

"$engram" tour -o first >/dev/null 2>&1
[ $? -eq 4 ] || problem "tour into a folder that is there: exit 4 expected"

# Ctrl-C: 130, and what was done is kept. A shell's background job ignores SIGINT: python
# starts it.
python3 - "$engram" <<'PY' || problem "tour: Ctrl-C"
import os, signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "tour", "-o", "second", "--seed", "3"],
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
rows = "second/metrics.jsonl"
until = time.monotonic() + 200
def begun():
    return os.path.exists(rows) and "rectified:3" in open(rows).read()
while time.monotonic() < until and not begun():
    time.sleep(0.02)
p.send_signal(signal.SIGINT)
_, err = p.communicate(timeout=60)
assert p.returncode == 130, (p.returncode, err)
assert b"second" in err, err
PY
[ -s second/config.json ] || problem "tour: nothing kept after Ctrl-C"

[ "$(wc -l <second/metrics.jsonl)" -ge 4 ] || problem "tour: few numbers kept after Ctrl-C"

# the same seed gives the same bits for one thread and for two: the file, and the whole report,
# tables, charts and all, apart from times
cmp first/digits.egm again/digits.egm || problem "tour: another file with two threads"
python3 - <<'PY' || problem "tour: other numbers with two threads"
import base64, difflib, re
def no_seconds(m):
    table = m.group()
    if re.search(r"seconds</th>\s*</tr>", table):
        table = re.sub(r"<td[^>]*>[^<]*</td>\s*</tr>", "</tr>", table)
    return table
def csv(m):
    rows = base64.b64decode(m.group(1)).decode().splitlines()
    return "\n".join(r.rpartition(",")[0] if rows[0].endswith(",seconds") else r for r in rows)
def figures(folder):
    text = open(folder + "/report.html", encoding="utf-8").read()
    text = re.sub(r'<p class="date">.*?</p>', "", text)
    text = re.sub(r"<dt>(recalls a second|command|threads|date)</dt><dd>.*?</dd>", "", text)
    text = re.sub(r"data:text/csv;base64,([^\"]*)", csv, text)
    return re.sub(r"<table.*?</table>", no_seconds, text, flags=re.S).splitlines()
one, two = figures("first"), figures("again")
assert sum(len(line) for line in one) > 50000, "little of the report is left to compare"
if one != two:
    print("\n".join(line[:300] for line in difflib.unified_diff(one, two, lineterm="", n=0)))
    raise SystemExit(1)
PY

# the capacity laboratory: theory beside measurement, for every memory that has a closed form
python3 - "$engram" <<'PY' || problem "capacity: theory"
import json, subprocess, sys
def cell(memory, size, patterns, *more):
    line = ["--memory", memory, "--size", str(size), "--patterns", str(patterns), *more]
    out = subprocess.run([sys.argv[1], "capacity", "--json", "--trials", "120", "--draws", "4",
                          *line], capture_output=True, check=True).stdout
    return json.loads(out.splitlines()[0])
def near(a, b, within):
    assert abs(a - b) <= within, (a, b)
for memory, patterns, stored in (("dam:3", 200, 146.5), ("rectified:3", 400, 293.1),
                                 ("dam:2", 12, 7.33)):
    c = cell(memory, 60, patterns)  # rectified: half the noise, twice the patterns
    assert c["dynamics"] == "async", c
    near(c["unstable"], c["theory"], 0.004)
    assert c["theory"] > 0.001 and c["theory_few_errors"] > c["theory_stored"], c
    near(c["theory_stored"], stored, 0.1)
c = cell("classical", 200, 30)
near(c["unstable"], c["theory"], 0.003)
near(c["theory_few_errors"], 27.58, 0.01), near(c["at_rest_theory"], 0.5, 0)
near(cell("classical", 200, 20)["at_rest_theory"], 0.001, 0.0005)
near(cell("exponential", 50, 9, "--amounts", "0.1")["theory_stored"], 9913, 1)
near(cell("pseudoinverse", 40, 9)["theory_stored"], 40, 0)
c = cell("modern:1", 20, 7, "--kind", "sphere", "--radius", "3")
assert c["dynamics"] == "sync", c
near(c["theory_stored"], 7.413, 0.001)
for memory, more, why in (("dam:4", ["--dynamics", "sync"], "async"), ("storkey", [], "no closed"),
                          ("modern:1", [], "sphere"), ("exponential:2", [], "beta = 1")):
    c = cell(memory, 30, 9, *more)
    assert c["theory"] is None and c["theory_stored"] is None and why in c["theory_says"], c
PY
"$engram" reproduce softmax-sphere --report again.html >/dev/null 2>&1 || problem "reproduce: $?"
grep -q 'engram reproduce softmax-sphere' again.html ||
    problem "reproduce: no heading in its report"

finish
