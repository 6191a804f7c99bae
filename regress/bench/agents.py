#!/usr/bin/env python3
"""make bench-agents: what N (9000) idle agents cost the relay in memory and
CPU time, and how soon all are back when it was killed.  IDLE (20): seconds of
idleness that the CPU time is taken over."""
import os
import sys
import time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from measure import *

WANT = number("N", 9000)
IDLE = number("IDLE", 20)
ROOM = 200		# descriptors of a process for all else

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
n = min(WANT, hard - ROOM)
relay = Relay(prefork=number("PREFORK", 2))
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
sim = agents(relay, n)
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
marks = len(sim.lines("^up"))
relay.proc.kill()
relay.proc.p.wait()
sim.wait_line("^up 0$", 60)
t0 = time.monotonic()
relay.start()
if not wait_for(lambda: sim.lines("^up %d$" % n)[1:], 60 + n / 20):
    raise SystemExit("not all came back: " + sim.lines("^up")[-1])
took = time.monotonic() - t0
print("all back after kill -9 of relayd     %10.1f s, %d a second" %
      (took, n / took))
print("their CPU of relayd                  %10.2f ms each" %
      (cpu(list(tree(relay.proc).values())) / n * 1e3))
print("memory after that (PSS)              %10d KiB" % memory())
print(load_average())
