#!/usr/bin/env python3
# tags: slow no-asan
"""Every process of both daemons, and the client, reads and writes a byte or a
few at a time and is interrupted and told to come again in between: nothing else is
different."""
import os
import sys
sys.path.insert(0, "regress/e2e")
from fault import *

if not os.path.exists(FAULT_OBJ + "/relayd"):
    skip_all("needs \"make VARIANT=fault\"")
faults = Faults()
faults.slow(1)
relay = Relay(prefork=2, obj=FAULT_OBJ)
eq(relay.user_add().returncode, 0, "relayd starts, a user is added")
agent = Agent(relay, obj=FAULT_OBJ)
env = login(relay)
target = Target(echo)


def stream(data):
    p = subprocess.run(
        [FAULT_OBJ + "/accessctl", "connect", "pi", str(target.port)],
        env=env, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=100)
    return p.returncode == 0 and p.stdout == data or \
        (p.returncode, len(p.stdout), p.stderr)


r = stream(os.urandom(2000))
ok(r is True, "2000 bytes, one by one", r)
faults.slow(1000)
for size in (1, 16384, 65537, 300000):
    r = stream(os.urandom(size))
    ok(r is True, "%d bytes there and back" % size, r)
r = relay.ctl("reload")
eq(r.returncode, 0, "reload")
r = stream(os.urandom(20000))
ok(r is True, "a stream after it", r)
for i in range(20):
    relay.token("connect", "you@example.org", "--name", "t%d" % i)
eq(len(relay.json("token", "list")), 22, "tokens come back as they went")
for name in ("auth", "keys", "router", "listener"):
    old = relay.children()[name]
    os.kill(old, signal.SIGKILL)
    ok(wait_for(lambda: relay.children().get(name) not in (None, old), 20),
       "%s is started again" % name)
    ok(wait_for(lambda: node_online(relay) and
                stream(os.urandom(5000)) is True, 60), "and streams pass")
said = relay.proc.lines("bad message|out of step|forbidden|fatal") + \
    agent.proc.lines("bad message|out of step|forbidden|fatal")
ok(not said, "no process has anything to say about it", said)
eq(agent.stop(), 0, "agentd ends in order")
eq(relay.stop(), 0, "relayd ends in order")
done()
