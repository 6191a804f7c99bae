#!/usr/bin/env python3
"""make bench: what a stream through relayd, agentd and accessctl forward
costs, beside a plain connection.  SECS seconds a sample, ROUNDS rounds."""
import os
import statistics
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "e2e"))
from culvert import *

SECS = float(os.environ.get("SECS", "2"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
LOAD = OBJ + "/regress/bench/load"

target = Proc("target", [LOAD, "target"])
port = int(wait_for(lambda: target.text().strip()))
relay = Relay(prefork=int(os.environ.get("PREFORK", "1")))
relay.user_add("bench@example.org")
agent = Agent(relay, "bench", token=relay.token("node", "bench@example.org"))
env = login(relay, relay.token("connect", "bench@example.org"))
fwd = free_port()
forward = Forward(env, "127.0.0.1:%d:bench:127.0.0.1:%d" % (fwd, port))


def tree():
    out = {}
    for role, p in (("relayd", relay.proc), ("agentd", agent.proc),
                    ("accessctl", forward)):
        out[role] = [p.pid] + kids(p.pid)
    return out


def cpu():
    t = 0
    for pids in tree().values():
        for pid in pids:
            try:
                with open("/proc/%d/stat" % pid) as f:
                    s = f.read()
                t += sum(int(x) for x in s[s.rindex(")") + 2:].split()[11:13])
            except OSError:
                pass
    return t / os.sysconf("SC_CLK_TCK")


def pss(pids):
    n = 0
    for pid in pids:
        try:
            with open("/proc/%d/smaps_rollup" % pid) as f:
                n += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M)[1])
        except (OSError, TypeError):
            pass
    return n


def sample(what, to):
    c0 = cpu()
    r = subprocess.run([LOAD, what, str(to), str(SECS)], text=True,
                       stdout=subprocess.PIPE, timeout=SECS * 5 + 20)
    return [float(x) for x in r.stdout.split()], cpu() - c0


rows = {}
for rnd in range(ROUNDS):
    for what in ("down", "up", "echo", "conn"):
        for name, to in (("direct", port), ("culvert", fwd)):
            v, c = sample(what, to)
            if not v:
                raise SystemExit("%s through %s failed" % (what, name))
            rows.setdefault((what, name), []).append((v, c))

UNITS = {"down": "MB/s to the laptop", "up": "MB/s to the device",
         "echo": "us, 64 bytes there and back, p50 (p99)",
         "conn": "new streams a second, one at a time"}
print("%-44s %12s %12s %14s" % ("", "direct", "culvert", "CPU"))
for what in ("down", "up", "echo", "conn"):
    med = {n: [statistics.median(s[0][i] for s in rows[what, n])
               for i in range(len(rows[what, n][0][0]))]
           for n in ("direct", "culvert")}
    c = statistics.median(s[1] for s in rows[what, "culvert"])
    if what in ("down", "up"):
        cost = "%.2f s/GB" % (c / (med["culvert"][0] * (SECS + 0.3) / 1e3))
    elif what == "conn":
        cost = "%.0f us each" % (c / (med["culvert"][0] * SECS) * 1e6)
    else:
        cost = ""
    f = (lambda m: "%.0f (%.0f)" % tuple(m)) if what == "echo" else \
        (lambda m: "%.0f" % m[0])
    print("%-44s %12s %12s %14s" % (UNITS[what], f(med["direct"]),
                                    f(med["culvert"]), cost))
for role, pids in tree().items():
    print("%-44s %38d KiB" % (role + ", all processes (PSS)", pss(pids)))
