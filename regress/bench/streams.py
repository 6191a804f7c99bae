#!/usr/bin/env python3
"""make bench-streams: how long a new stream takes, from connect to the first
byte back, one after another: COUNT (10000) of them, with N (1000) idle agents
linked, and as a comparison without the relay."""
import os
import sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from measure import *

COUNT = number("COUNT", 10000)
N = number("N", 1000)

target, port = load_target()
relay = Relay(prefork=number("PREFORK", 2))
relay.user_add()
agent = Agent(relay)
env = login(relay)
fwd = free_port()
forward = Forward(env, "127.0.0.1:%d:pi:127.0.0.1:%d" % (fwd, port))


def sample(to):
    r = run([LOAD, "open", str(to), str(COUNT)], timeout=600)
    if r.returncode != 0:
        raise SystemExit(r.stderr)
    return tuple(float(x) / 1000 for x in r.stdout.split())


print("ms from connect to the first byte back      p50      p99")
print("direct                                  %7.3f  %7.3f" % sample(port))
print("through the relay, one agent            %7.3f  %7.3f" % sample(fwd))
idle = agents(relay, N)
print("through the relay, %5d agents linked   %7.3f  %7.3f" %
      ((N,) + sample(fwd)))
print(load_average())
