#!/usr/bin/env python3
"""accessctl forward, sources of UDP: when their sessions end, which make
room."""
import re
import sys
import time
sys.path.insert(0, "regress/e2e")
from culvert import *

MAX = 1024                      # sessions at a local port

relay = Relay(prefork=2)
relay.user_add()
agent = Agent(relay)
env = login(relay)


def forward(target, *args):
    """It, and the address of its port."""
    p = Proc("forward", [OBJ + "/accessctl", "forward", *args, "-L",
                         "0:pi:%d/udp" % target.port], env=env)
    ok(p.wait_line("forwarding", 30), "a forwarded port of UDP")
    return p, ("127.0.0.1", int(re.search(
        r"forwarding 127.0.0.1:(\d+)/udp", p.text())[1]))


def source():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20)
    return s


def count():
    return sum(x["kind"] == "udp" for x in relay.json("connection", "list"))


# ---- the idle limit, and how many ----
p, to = forward(UdpTarget(), "--udp-idle", "1")
c = source()
c.sendto(b"x", to)
eq(c.recv(10), b"x", "a session with an idle limit of a second")
ok(wait_for(lambda: count() == 0, 20), "ends when it was idle")
c.sendto(b"y", to)
eq(c.recv(10), b"y", "and the next datagram begins another")
many = []
for i in range(MAX + 76):
    many.append(source())
    many[-1].sendto(b"%d" % i, to)
eq(many[-1].recv(10), b"%d" % (MAX + 75),
   "more sources than there may be sessions")
for s in many:
    s.close()
ok(p.alive(), "and it goes on")
p.stop()

# ---- one that is never answered, and a flood ----
said = []
sink = UdpTarget(said.append)           # which returns None
p, to = forward(sink)


def arrives(s, data):
    """Where it comes from, at the target."""
    s.sendto(data, to)
    ok(wait_for(lambda: data in said, 60), data.decode() + " has arrived")
    return sink.sources[said.index(data)]


log = source()
first = arrives(log, b"the first line of a log")
time.sleep(1.2)                         # to be steady takes a second
eq(arrives(log, b"the second"), first, "is of the same session")
many = []


def flooded():
    """Some may be lost: until so many have come."""
    for _ in range(50):
        many.append(source())
        many[-1].sendto(b"x", to)
    return len(set(sink.sources)) > MAX + 50


ok(wait_for(flooded, 90), "sources that speak but once, more than there is "
   "room for", len(set(sink.sources)))
eq(arrives(log, b"the third"), first, "none of them has pushed out the log")
for s in many:
    s.close()
p.stop()
done()
