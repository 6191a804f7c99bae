#!/usr/bin/env python3
"""make bench-agents: what N (9000) idle agents cost the relay in memory and
CPU time, and how soon all are back when it was killed.  IDLE (20): seconds of
idleness that the CPU time is taken over.  SIMULATORS (2): processes that play
the agents; what these take themselves is said as well."""
import os
import sys
import time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from measure import *

WANT = number("N", 9000)
IDLE = number("IDLE", 20)
SIMULATORS = number("SIMULATORS", 2)
ROOM = 200		# descriptors of a process for all else

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
n = min(WANT, hard - ROOM)
relay = Relay(prefork=number("PREFORK", 2),
              extra="limit {\n nodes per user 100000\n links per user 100000\n}")
relay.user_add()
for line in relay.proc.lines("room for"):
    print("relayd: " + line.split(": ", 1)[1])
print("%d agents%s, each process may have %d descriptors" % (
    n, "" if n == WANT else " (%d were wanted)" % WANT, hard))


def memory():
    return pss(tree(relay.proc).values())


one = agents(relay, 10, "warm")
empty = memory()
t0 = time.monotonic()
sims = [agents(relay, n * (i + 1) // SIMULATORS - n * i // SIMULATORS,
               "bench%d-" % i, ["-j", "100"], wait=False)
        for i in range(SIMULATORS)]


def up():
    """How many links there are."""
    said = [s.lines("^up") for s in sims]
    return sum(int(x[-1].split()[1]) for x in said if x)


if not wait_for(lambda: up() == n, 60 + n / 50):
    raise SystemExit("only %d are up" % up())
print("all linked within                    %10.1f s" %
      (time.monotonic() - t0))
time.sleep(3)
full = memory()
print("memory of relayd, no agents (PSS)    %10d KiB" % empty)
print("memory of relayd, all agents (PSS)   %10d KiB" % full)
print("memory of an agent on the relay      %10.1f KiB" %
      ((full - empty) / n))
pids = list(tree(relay.proc).values())
c0, t0 = cpu(pids), time.monotonic()
time.sleep(IDLE)
print("CPU of relayd while all are idle     %10.2f %% of a core" %
      ((cpu(pids) - c0) / (time.monotonic() - t0) * 100))
relay.proc.kill()
relay.proc.p.wait()
if not wait_for(lambda: up() == 0, 60):
    raise SystemExit("%d links to nobody" % up())
c0, t0 = cpu([s.pid for s in sims]), time.monotonic()
relay.start()
if not wait_for(lambda: up() == n, 60 + n / 20, 0.02):
    raise SystemExit("not all came back: %d" % up())
took = time.monotonic() - t0
print("all back after kill -9 of relayd     %10.1f s, %d a second" %
      (took, n / took))
print("their CPU of relayd                  %10.2f ms each" %
      (cpu(list(tree(relay.proc).values())) / n * 1e3))
print("that of who plays them               %10.2f ms each" %
      ((cpu([s.pid for s in sims]) - c0) / n * 1e3))
print("memory after that (PSS)              %10d KiB" % memory())
print(load_average())
