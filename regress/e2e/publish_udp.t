#!/usr/bin/env python3
"""Published ports of UDP: each source is a session, as long as it speaks."""
import os
import sys
sys.path.insert(0, "regress/e2e")
from published import *


def udp(port, source="127.0.0.1"):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    return s


pings = iter(range(10 ** 6))


def answers(s, data=None, seconds=20):
    """Whether the datagram comes back whole; UDP may lose some."""
    # Of one that was asked for twice the second may come late.
    data = data or b"ping %d" % next(pings)

    def once():
        try:
            s.send(data)
            s.settimeout(0.5)
            while s.recv(65536) != data:
                pass
            return True
        except OSError:
            return False
    return bool(wait_for(once, seconds))


ut = UdpTarget()
pu = free_port()
r = add("127.0.0.1:%d/udp" % pu, "pi:%d" % ut.port)
ok(r.returncode == 0 and "/udp leads to" in r.stdout, "a port of UDP", said(r))
eq(add(pu).returncode, 0, "beside one of TCP with the same number")
u = [udp(pu) for _ in range(8)]
ok(all(answers(x, b"from %d" % i) for i, x in enumerate(u)),
   "eight sources, each gets its own answers")
eq(len(set(ut.sources)), 8, "each is a session of its own")
ok(answers(u[0], os.urandom(1400)) and answers(u[0], b""),
   "datagrams come whole, empty ones too")
c = [x for x in relay.json("connection", "list") if x["kind"] == "udp"]
ok(len(c) == 8 and {x["address"] for x in c} ==
   {"127.0.0.1:%d" % x.getsockname()[1] for x in u},
   "connection list shows them", c)
r = relay.ctl("connection", "kill", c[0]["id"])
ok(r.returncode == 0 and wait_for(lambda: streams() == 7),
   "connection kill ends one", said(r))
ok(all(answers(x) for x in u), "whose next datagram begins another")
relay.extra = RULES + "limit udp idle 1s"
relay.write_conf()
eq(relay.ctl("reload").returncode, 0, "limit udp idle 1s")
ok(wait_for(lambda: streams() == 0), "idle sessions end",
   relay.json("connection", "list"))
relay.extra = RULES
relay.write_conf()
relay.ctl("reload")
ok(all(answers(x) for x in u), "and begin again")
os.kill(relay.children()["router"], signal.SIGKILL)
ok(all(answers(x) for x in u), "kill -9 of router: they go on")
ok(wait_for(lambda: streams() == 8), "and the new one knows them",
   relay.json("connection", "list"))
r = remove("127.0.0.1:%d/udp" % pu)
ok(r.returncode == 0 and "8 streams ended" in r.stdout, "publish remove",
   said(r))
ok(not answers(u[0], seconds=1), "nothing comes through")
ok(works(pu), "but by TCP still")
remove(pu)
r = add("127.0.0.1:%d/udp" % pu, "pi:%d" % ut.port, "--connections", "3",
        "--from", "127.0.0.5")
ok(r.returncode == 0, "published again at once, with limits", said(r))
v = [udp(pu, "127.0.0.5") for _ in range(4)]
ok(all(answers(x) for x in v[:3]), "three may come")
ok(not answers(v[3], seconds=1), "a fourth may not")
ok(not answers(u[0], seconds=1), "nor one from elsewhere")
ok(all(answers(x) for x in v[:3]), "which does not hurt the three")
os.kill(relay.children()["listener"], signal.SIGKILL)
os.kill(relay.children()["listener 1"], signal.SIGKILL)
ok(answers(v[0], seconds=60), "kill -9 of the listeners: they come again")
relay.ctl("user", "disable", "you@example.org")
ok(not answers(v[0], seconds=1), "user disable closes it")
relay.ctl("user", "enable", "you@example.org")
ok(answers(v[0], seconds=60), "user enable opens it")
ok(all(answers(x, seconds=60) for x in v[:3]), "and to all three")
r = relay.ctl("upgrade", timeout=120)
ok(r.returncode == 0, "an upgrade", said(r))
ok(all(answers(x) for x in v[:3]), "leaves the three their places")
ok(not answers(v[3], seconds=1), "and none for a fourth")
r = add("127.0.0.1:%d/udp" % free_port(), None, "--proxy", "v2")
ok(r.returncode == 1 and "only tcp" in r.stderr, "no PROXY header for UDP",
   said(r))
dg = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dg.bind(("127.0.0.1", free_port()))
r = add("127.0.0.1:%d/udp" % dg.getsockname()[1])
ok(r.returncode == 1 and "in use" in r.stderr, "a port of UDP that another "
   "program has", said(r))
dg.close()
remove("127.0.0.1:%d/udp" % pu)
for x in u + v:
    x.close()
done()
