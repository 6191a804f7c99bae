#!/usr/bin/env python3
# tags: slow no-asan
"""A day in minutes: links that ping every 25 ms, links that end and come
again, streams one after another, in five parts.  In the end no process holds
more descriptors or memory than after the third.

SOAK_SECONDS (8) how long; SOAK_GROWTH (1024) KiB that a process may grow,
which leaves room for what a heap does in so short a time.  `make soak` takes
150 seconds and 64 KiB."""
import os
import sys
import time
sys.path.insert(0, "regress/bench")
from measure import *

SECONDS = number("SOAK_SECONDS", 8)
GROWTH = number("SOAK_GROWTH", 1024)
STEADY, CHURN, LOADS = 20, 24, 2
PARTS, WARM = 5, 3
PING = ["-p", "25"]

if not ROOT:
    skip_all("to see the descriptors of other users takes root")
target, port = load_target()
relay = Relay(prefork=2)
relay.user_add()
agent = Agent(relay)
env = login(relay)
fwd = free_port()
forward = Forward(env, "127.0.0.1:%d:pi:127.0.0.1:%d" % (fwd, port))
steady = agents(relay, STEADY, "steady", PING)
everyone = {"relayd " + k: v for k, v in tree(relay.proc).items()}
everyone.update({"agentd " + k: v for k, v in tree(agent.proc).items()})
everyone["accessctl forward"] = forward.pid


def say(text):
    print("# " + text, file=sys.stderr, flush=True)


def at_rest():
    nodes = relay.json("node", "list")
    return nodes and STEADY + 1 == sum(n["online"] for n in nodes)


def traffic(seconds):
    """(links made, streams opened)"""
    churn = agents(relay, CHURN, "churn", PING + ["-c", "100"], wait=False)
    loads = [subprocess.Popen([LOAD, "conn", str(fwd),
                               str(seconds)],
                              stdout=subprocess.PIPE, text=True)
             for _ in range(LOADS)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        relay.ctl("stats")
        Connect(env, "pi", port).end(b"Eecho")
        relay.ctl("user", "add", "guest@example.org", "--no-password")
        relay.ctl("user", "delete", "guest@example.org")
        time.sleep(0.2)
    streams = sum(float(p.communicate(timeout=60)[0]) for p in loads)
    churn.stop()
    made = [int(x.split()[1]) for x in churn.lines("^made")]
    wait_for(at_rest, 60, 0.2)
    return made[-1] if made else 0, int(streams * seconds)


def look():
    return {k: (smaps(p, "Anonymous"), smaps(p, "Rss"), fds(p))
            for k, p in everyone.items()}


rows, links, streams = [], 0, 0
for part in range(PARTS):
    made, opened = traffic(SECONDS / PARTS)
    links, streams = links + made, streams + opened
    # A connection's last descriptors are given back a little after it.
    same = lambda now: not rows or all(now[k][2] == rows[-1][k][2]
                                       for k in now)
    wait_for(lambda: same(look()), 20, 0.5) if rows else time.sleep(5)
    rows.append(look())
pings = int(SECONDS * (STEADY + CHURN) * 1000 / 25)
say("%d s: %d links made, %d streams, about %d pings; %s" % (
    SECONDS, links, streams, pings, load_average()))
say("anonymous memory in KiB (resident, descriptors), after each part:")
for k in everyone:
    say("%-18s %s" % (k, " ".join("%5d (%5d,%3d)" % r[k] for r in rows)))
before, after = rows[WARM - 1], rows[-1]
ok(links > SECONDS, "links were made again and again", links)
ok(streams > SECONDS * 10, "and streams opened", streams)
for k in everyone:
    eq(after[k][2], before[k][2], k + ": no descriptor more or less")
    ok(after[k][0] - before[k][0] <= GROWTH,
       "%s: grew by at most %d KiB" % (k, GROWTH), (before[k], after[k]))
eq({"relayd " + k: v for k, v in tree(relay.proc).items()},
   {k: v for k, v in everyone.items() if k.startswith("relayd")},
   "no process was started again")
done()
