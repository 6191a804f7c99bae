#!/usr/bin/env python3
# tags: no-asan
"""The manuals and the programs know the same words: keywords, limits and their
bounds, commands, options, variables of the environment, codes of the
protocol."""
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
os.chdir(TOP)
OBJ = os.environ.get("CULVERT_OBJ", "obj")
count = failed = 0


def ok(cond, name, why=""):
    global count, failed
    count += 1
    if not cond:
        failed += 1
        print("# not ok %d - %s: %s" % (count, name, why), file=sys.stderr)
    print("%sok %d - %s" % ("" if cond else "not ", count, name), flush=True)


def read(name):
    with open(name) as f:
        return f.read()


def man(name):
    """A manual's source without its escapes."""
    t = read("man/" + name)
    for a, b in (("\\&", ""), ("\\-", "-"), ("\\(en", "-"), ("\\e", "\\")):
        t = t.replace(a, b)
    return t


def marked(text):
    """Words that stand as literal: behind Ic, Cm, Fl and Li."""
    out = set()
    for line in text.splitlines():
        if not line.startswith("."):
            continue
        on = None
        for w in line[1:].split():
            if re.fullmatch("Ic|Cm|Fl|Li|Ev", w):
                on = w
            elif re.fullmatch("[A-Z][a-z]", w):
                on = None if w != "Ns" else on
            elif on:
                out.add(("-" if on == "Fl" else "") + w)
    return out


# ---- keywords of the configurations ----

for program in ("relayd", "agentd"):
    source = read(program + "/parse.y")
    page = man(program + ".conf.5")
    words = marked(page)
    table = source[source.index("conflex_keyword keywords"):]
    keywords = re.findall(r'\{ "([a-z-]+)",', table[:table.index("};")])
    ok(len(keywords) > 30, "%s: its table of keywords" % program, keywords)
    missing = [k for k in keywords if k not in words]
    ok(not missing, "%s.conf(5) has every keyword" % program, missing)
    # At the start of an item of a list is what can begin a statement.
    first = set()
    for m in re.finditer(r"^\.It (?:Xo\n\.)?Ic ([a-z-]+)", page, re.M):
        first.add(m[1])
    unknown = first - set(keywords) - {"node", "unix"}
    ok(not unknown, "%s.conf(5) has no other" % program, unknown)

# ---- limits, as the tables say ----

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "ms": 1,
         "s": 1000, "m": 60000, "h": 3600000, "d": 86400000}
CONSTANTS = {m[0]: m[1] for h in ("lib/http.h", "relayd/settings.h")
             for m in re.findall(r"#define (\w+)\s+\(?([\d *]+)", read(h))}


def size(text):
    """What a person writes, in bytes or milliseconds."""
    m = re.fullmatch(r"(\d+)(\D*)", text)
    return int(m[1]) * UNITS[m[2]] if m else None


def number(text):
    """What C has, which is little more than digits."""
    text = text.strip()
    for name, value in CONSTANTS.items():
        text = text.replace(name, value)
    text = re.sub(r"(\d)U?LL", r"\1", text)
    if not re.fullmatch(r"[\d *<]+", text):
        return None
    return eval(text)       # digits, * and << alone


page = man("relayd.conf.5")
rows, table = {}, {}
for m in re.finditer(r"^\.It Cm (.*?) (?:Ns \* )?Ta (.*)$", page, re.M):
    rows[m[1]] = re.split(r"\s*\bTa\b\s*", m[2])
    table[m[1]] = rows[m[1]][0]
source = read("relayd/config_limit.c")
settings = read("relayd/config.c")
limits = re.findall(r'\{ "([a-z ]+)", LIMIT_(\w+),\s+LIMIT(?:32|64)\((\w+)\),'
                    r'\s+([^,]+),\s+([^}]+?) \}', source)
ok(len(limits) == source[source.index("limit_names[] ="):].split(
    "};")[0].count("LIMIT_") > 15, "the table of limits", len(limits))
for name, unit, field, low, high in limits:
    row = rows.pop(name, ["?", "?-?"])
    at = [size(x) for x in row[1].split("-")]
    ok(at == [number(low), number(high)], "limit %s: from and to" % name,
       (row, low, high))
    if row[0] == "see below":
        continue
    m = re.search(r"limits\.%s = ([^;]+);" % field, settings)
    ok(m and size(row[0]) == number(m[1]), "limit %s: its default" % name,
       (row, m and m[1]))
source = read("relayd/config_rpc.c")
for name, unit, field, low, high in re.findall(
        r'\{ "([a-z ]+)", RPC_(\w+), RPC(?:32|64)\((\w+)\),\s*([^,]+),'
        r'\s*([^,]+),\s+(?:NULL|"none") \}', source):
    row = rows.pop(name, ["?-?", "?"])
    at = [size(x) for x in row[0].replace(", none", "").split("-")]
    k = 1000 if unit == "TIME_S" else 1
    ok(at == [number(low) * k, number(high) * k], "rpc %s: from and to" %
       name, (row, low, high))
    m = re.search(r"rpc->%s = ([^;]+);" % field, source)
    ok(m and size(row[1]) == number(m[1]) * k, "rpc %s: its default" % name,
       (row, m and m[1]))
rest = set(rows) - {"body", "origin", "nodes", "url"}
ok(not rest, "and no others", rest)

# The example shows defaults as well.
example = read("etc/examples/relayd.conf")
shown = re.findall(r"^#\t([a-z ]+) (\w+)$", example, re.M)
ok(len(shown) > 5, "the example shows limits", shown)
for name, value in shown:
    ok(name in table and size(table[name]) == size(value),
       "the example: %s" % name, (value, table.get(name)))

# ---- commands and options ----

text = man("accessctl.1")
said = subprocess.run([OBJ + "/accessctl", "help"], stdout=subprocess.PIPE,
                      text=True).stdout
names = [m[1].strip() for m in re.finditer(r"^  (\S.{0,15}) ", said, re.M)]
ok(len(names) > 40, "accessctl: its commands", said)
missing = [n for n in names if not re.search(r"Cm %s(\s|$)" % n, text, re.M)]
ok(not missing, "accessctl(1) has every command", missing)

for files, page in ((["agentd/options.c", "agentd/login.c", "agentd/status.c",
                      "agentd/pair.c"], "agentd.8"),
                    (["accessctl/%s" % f for f in os.listdir("accessctl")
                      if f.endswith(".c") or f.endswith(".h")] +
                     ["lib/login.h"], "accessctl.1")):
    words = marked(man(page))
    options = set()
    for f in files:
        options |= set(re.findall(r'\{ "([a-z-]+)",\s+(?:no|required|optional)'
                                  r'_argument', read(f)))
    missing = ["--" + o for o in options if "--" + o not in words]
    ok(len(options) > 8 and missing in ([], ["--help"]),
       "%s has every long option" % page, missing)

for program, page in (("relayd", "relayd.8"), ("agentd", "agentd.8")):
    source = read("relayd/relayd.c" if program == "relayd" else
                  "agentd/options.c")
    m = re.search(r'"usage: %s \[-(\w+)\]([^;]*)' % program, source)
    letters = set(m[1]) | set(re.findall(r"\[-(\w) ", m[2]))
    text = man(page)
    missing = [x for x in letters if not re.search(
        r"^\.It Fl %s\b" % x, text, re.M)]
    ok(len(letters) >= 5 and not missing, "%s has every option" % page,
       missing)

# ---- the environment ----

pages = "".join(man(p) for p in os.listdir("man"))
variables = set()
for folder in ("lib", "relayd", "agentd", "accessctl"):
    for f in os.listdir(folder):
        if not f.endswith(".c"):
            continue
        text = read(folder + "/" + f)
        variables |= set(re.findall(r'(?:getenv|from_environment\([^,]*,) ?'
                                    r'\(?"(\w+)"', text))
        for m in re.finditer(r"(?:variables_\w+|env_secrets)\[\] = \{([^}]*)",
                             text):
            variables |= set(re.findall(r'"(\w+)"', m[1]))
variables -= {"HOME", "CULVERT_TEST_RESUME"}
ok(len(variables) > 12, "variables of the environment", variables)
missing = [v for v in variables if v not in pages and v.upper() not in pages]
ok(not missing, "the manuals have all of them", missing)

# ---- the protocol ----

page = man("culvert.7")
codes = re.findall(r"^\.It (\d+)\n([a-z ]+?)(?::|$)", page, re.M)
source = read("lib/mux_frame.c")
header = read("lib/mux_frame.h")
names = dict(re.findall(r'\[(MUX_CODE_\w+)\] = "([a-z ]+)"', source))
values = {}
next_value = 0
for name, value in re.findall(r"\b(MUX_CODE_\w+)(?:\s*=\s*(\d+))?,?",
                              header[header.index("enum mux_code"):].split(
                                  "}")[0]):
    next_value = int(value) if value else next_value
    values[name] = next_value
    next_value += 1
ok({values[k]: v for k, v in names.items()} ==
   {int(k): v for k, v in codes if int(k) < 1000},
   "culvert(7) has the codes of RESET, and no others",
   (sorted(codes), names))
kinds = re.search(r'names\[\] = \{\s+"\?", ([^}]+)\}', source)[1]
kinds = re.findall(r'"(\w+)"', kinds)
m = re.search(r"^Kinds are 1, TCP; 2, UDP.*?refused today", page,
              re.M | re.S)[0]
ok(all(re.search(r"(?i)\b%d\b[^.]{0,40}%s" % (
    i + 1, {"unix": "Unix"}.get(k, k)), m.replace("\n", " "))
    for i, k in enumerate(kinds)), "and the kinds of streams", (kinds, m))
print("1..%d" % count)
sys.exit(1 if failed else 0)
