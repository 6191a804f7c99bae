#!/usr/bin/env python3
"""kill -9 of each process of each daemon, and of the parents."""
import os
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

relay = Relay(prefork=2)
relay.user_add()
agent = Agent(relay)
env = login(relay)
target = Target(echo)
kids_ = relay.children()
eq(sorted(kids_), ["auth", "keys", "listener", "listener 1", "router"],
   "relayd's processes have their titles")
eq(sorted(agent.children()), ["proxy", "tunnel"], "agentd's too")


def works(seconds=15, port=None):
    """Whether a stream passes, tried until it does."""
    def once():
        st, out, err = Connect(env, "pi", port or target.port).end(
            b"ping", 10)
        return st == 0 and out == b"ping"
    return wait_for(once, seconds)


def open_stream():
    """A stream that stays open, with a byte passed both ways."""
    c = Connect(env, "pi", target.port)
    assert c.echoes()
    return c


ok(works(), "a stream passes")

# auth, keys, router: open streams go on
for name in ("auth", "keys", "router"):
    c = open_stream()
    pids = relay.children()
    os.kill(pids[name], signal.SIGKILL)
    ok(c.echoes(), "kill -9 %s: an open stream goes on" % name)
    new = wait_for(lambda: relay.children().get(name) not in
                   (None, pids[name]) and relay.children()[name], 5)
    ok(new, "%s is started again" % name)
    after = relay.children()
    ok(all(after.get(k) == pids[k] for k in pids if k != name),
       "the others keep their pids", (pids, after))
    ok(c.echoes(), "and the stream still does")
    ok(works(), "new ones pass after %s is back" % name)
    if name == "router":
        ok(wait_for(lambda: len(relay.json("connection", "list") or []) == 1),
           "the new router knows the old stream",
           relay.json("connection", "list"))
        ok(wait_for(lambda: node_online(relay)), "and that the node is up")
    eq(c.end()[0], 0, "the stream ends in order")
ok(len(relay.proc.lines(r"killed by signal 9|ended: .*signal 9")) >= 3,
   "each death is a line in the log", relay.proc.text())

# a listener: what it carried breaks, visibly; the rest goes on
big = 0
for name in ("listener", "listener 1"):
    c = [open_stream() for _ in range(6)]
    pids = relay.children()
    os.kill(pids[name], signal.SIGKILL)
    ok(wait_for(lambda: relay.children().get(name) not in
                (None, pids[name]), 5), "%s is started again" % name)
    after = relay.children()
    eq([after["auth"], after["router"]], [pids["auth"], pids["router"]],
       "auth and router keep their pids")
    ok(works(30), "streams pass after %s came back" % name)
    ends = [x.end(b"", 20)[0] for x in c]
    ok(all(s in (0, 8, 10) for s in ends), "each old stream has ended",
       ends)


# no stream may report success with a short body
def source(c):
    c.recv(1)
    b = b"z" * 65536
    for _ in range(800):            # 52 MB
        c.sendall(b)


src = Target(source)
results = []


def fetch():
    st, out, err = Connect(env, "pi", src.port).end(b"g", 60)
    results.append((st, len(out)))


threads = [threading.Thread(target=fetch) for _ in range(8)]
for t in threads:
    t.start()
wait_for(lambda: len(relay.json("connection", "list") or []) >= 4)
for name in ("listener", "listener 1"):
    os.kill(relay.children()[name], signal.SIGKILL)
for t in threads:
    t.join()
ok(all(n == 800 * 65536 for s, n in results if s == 0),
   "no cut stream looks like a whole one", results)
ok(any(s != 0 for s, n in results), "and some were cut", results)
ok(works(30), "streams pass again")

# the device's processes
for name in ("proxy", "tunnel"):
    pids = agent.children()
    os.kill(pids[name], signal.SIGKILL)
    ok(wait_for(lambda: agent.children().get(name) not in
                (None, pids[name]), 5),
       "agentd: %s is started again" % name)
    ok(works(30), "and streams pass")

# a child that hangs
pids = relay.children()
os.kill(pids["router"], signal.SIGSTOP)
ok(wait_for(lambda: relay.children().get("router") not in
            (None, pids["router"]), 25), "a router that hangs is replaced")
ok(works(30), "and streams pass")

# the parents
for p, what in ((agent.proc, "agentd"), (relay.proc, "relayd")):
    pids = list(p.children().values())
    p.kill()
    ok(wait_for(lambda: not any(alive(x) for x in pids), 3),
       "kill -9 of %s: no process outlives it" % what)
relay.proc.p.wait()
agent.proc.p.wait()
relay.start()
ok(relay.serving(), "relayd starts again on the same sockets")
agent.start()
ok(works(30), "and all of it works")
pids = list(relay.children().values())
eq(relay.stop(), 0, "SIGTERM ends relayd with 0")
ok(not any(alive(x) for x in pids), "and all its processes")
ok(not os.path.exists(relay.socket), "and its control socket is gone")
pids = list(agent.children().values())
eq(agent.stop(), 0, "SIGTERM ends agentd with 0")
ok(not any(alive(x) for x in pids), "and all its processes")
done()
