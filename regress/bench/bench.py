#!/usr/bin/env python3
"""make bench: what a stream costs beside a plain connection, through relayd,
agentd and accessctl forward, and through a published port, which is without
accessctl; then over a wire of 100 ms, beside TCP over the same wire.  SECS
seconds a sample, ROUNDS rounds; WIRE megabytes a second on the long wire."""
import os
import statistics
import sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from measure import *

SECS = float(os.environ.get("SECS", "2"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))

target, port = load_target()
relay = Relay(prefork=int(os.environ.get("PREFORK", "1")),
              extra="publish ports 1024-65535 on 127.0.0.1 by any")
relay.user_add("bench@example.org")
agent = Agent(relay, "bench", token=relay.token("node", "bench@example.org"))
env = login(relay, relay.token("connect", "bench@example.org"))
fwd = free_port()
forward = Forward(env, "127.0.0.1:%d:bench:127.0.0.1:%d" % (fwd, port))
published = free_port()
r = relay.ctl("publish", "add", "127.0.0.1:%d/tcp" % published,
              "bench:127.0.0.1:%d" % port)
if r.returncode != 0:
    raise SystemExit(r.stderr)
WAYS = {"direct": port, "forward": fwd, "port": published}


def pids(proc):
    return [proc.pid] + kids(proc.pid)


ROLES = (("relayd", relay.proc), ("agentd", agent.proc),
         ("accessctl", forward))


def everyone():
    return [pid for role, proc in ROLES for pid in pids(proc)]


def load(what, to, secs):
    return subprocess.Popen([LOAD, what, str(to), str(secs)], text=True,
                            stdout=subprocess.PIPE)


def sample(what, to):
    if what == "beside":
        bulk = load("down", to, SECS + 1)
        time.sleep(0.5)
        r = sample("echo", to)
        bulk.communicate(timeout=SECS * 5 + 20)
        return r
    c0 = cpu(everyone())
    out = load(what, to, SECS).communicate(timeout=SECS * 5 + 20)[0]
    return [float(x) for x in out.split()], cpu(everyone()) - c0


UNITS = {"down": "MB/s to the laptop", "up": "MB/s to the device",
         "echo": "us, 64 bytes there and back, p50 (p99)",
         "beside": "the same beside a download",
         "conn": "new streams a second, one at a time"}

time.sleep(3)  # what a log-in took has gone back
rest = {role: pss(pids(proc)) for role, proc in ROLES}
rows = {}
for rnd in range(ROUNDS):
    for what in UNITS:
        for name, to in WAYS.items():
            v, c = sample(what, to)
            if not v:
                raise SystemExit("%s through %s failed" % (what, name))
            rows.setdefault((what, name), []).append((v, c))


def cost(what, name, med):
    c = statistics.median(x[1] for x in rows[what, name])
    if name == "direct" or what in ("echo", "beside"):
        return ""
    if what in ("down", "up"):
        return "%.2f s/GB" % (c / (med * (SECS + 0.3) / 1e3))
    return "%.0f us each" % (c / (med * SECS) * 1e6)


print("%-42s" % "" + "".join("%22s" % n for n in WAYS))
for what in UNITS:
    line = "%-42s" % UNITS[what]
    for name in WAYS:
        med = [statistics.median(x[0][i] for x in rows[what, name])
               for i in range(len(rows[what, name][0][0]))]
        v = "%.0f (%.0f)" % tuple(med) if len(med) > 1 else "%.0f" % med[0]
        line += "%22s" % (v + "  " + cost(what, name, med[0])).rstrip()
    print(line)
for role, proc in ROLES:
    print("%-42s %17d KiB before, %d after" % (
        role + ", all processes (PSS)", rest[role], pss(pids(proc))))


# ---- a long wire between agent and relay ----

WIRE = os.environ.get("WIRE", "50")
DELAY = OBJ + "/regress/bench/delay"


def wire(to):
    p = Proc("wire-%d" % to, [DELAY, str(to), "50", WIRE])
    return int(wait_for(lambda: p.text().strip()))


far = Agent(relay, "far", token=relay.token("node", "bench@example.org"),
            url="wss://localhost:%d" % wire(relay.port))
fwd = free_port()
Forward(env, "127.0.0.1:%d:far:127.0.0.1:%d" % (fwd, port))
SECS = 10
for what in ("down", "up"):
    plain = sample(what, wire(port))[0][0]
    ours = sample(what, fwd)[0][0]
    print("%-42s%22.1f%22.1f%22s" % (
        "MB/s, %s, 100 ms round trip" % what, plain, ours,
        "%.0f %%" % (100 * ours / plain)))
