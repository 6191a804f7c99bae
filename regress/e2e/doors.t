#!/usr/bin/env python3
"""kill -9 of each process of the relay, and of the node's, while pages are
visited, people log in, programs ask and TLS passes through: nothing that is
cut looks whole, nobody gets what is another's, nobody gets in unasked; and
soon all is well again."""
import sys
sys.path.insert(0, "regress/e2e")
from doors import *

make_cert("relay", "DNS:localhost,DNS:%s,DNS:*.%s" % (DOMAIN, DOMAIN))
relay = Relay(prefork=2, domain=DOMAIN, extra=CONF.split("\n", 1)[1])
doors = Doors(relay)
wait_for(lambda: doors.ask("pi." + DOMAIN, "/length/5")[0] == 200, 30)
cookie, token = doors.enter(), doors.pair()
sources = iter("127.%d.%d.%d" % (1 + i // 60000, i // 250 % 240, 1 + i % 250)
               for i in range(10**6))
WHAT = {
    "a public page": lambda: doors.public("pi", 200000),
    "another node's": lambda: doors.public("pa", 5000, "length"),
    "a private page": lambda: doors.private(cookie),
    "a stranger": doors.stranger,
    "a password": doors.basic,
    "a wrong password": lambda: doors.basic("nonsense", src=next(sources)),
    "a program": lambda: doors.rpc(token),
    "TLS that passes through": lambda: doors.through(200000),
}
for name, f in WHAT.items():
    ok(wait_for(f, 20, 0.2), name + " is served")

counts = {name: [0, 0, 0] for name in WHAT}     # right, refused, cut
wrong, stop = [], threading.Event()


def visit(name, f):
    while not stop.is_set():
        try:
            counts[name][0 if f() else 1] += 1
        except Wrong as e:
            wrong.append("%s: %s" % (name, e))
        except CUT:
            counts[name][2] += 1
        stop.wait(0.3 if "password" in name else 0.01)


threads = [threading.Thread(target=visit, args=x, daemon=True)
           for x in WHAT.items()]
for t in threads:
    t.start()


def works():
    """Each is right again, once more than now."""
    was = {k: v[0] for k, v in counts.items()}
    return wait_for(lambda: all(counts[k][0] > was[k] for k in was), 30)


# Four deaths of one process: it waits longer each time before it is back.
for name in ("auth",) * 4 + ("keys", "router", "listener", "listener 1",
                             "proxy", "tunnel"):
    p = doors.agents["pi"] if name in ("proxy", "tunnel") else relay
    pids = wait_for(lambda: p.children() if name in p.children() else None)
    os.kill(pids[name], signal.SIGKILL)
    ok(wait_for(lambda: p.children().get(name) not in (None, pids[name]),
                10, 0.05), "kill -9 %s: it is started again" % name)
    if name == "auth" and len(relay.proc.lines(r"auth .*ended")) < 4:
        continue
    ok(works(), "and all is served again", counts)
stop.set()
for t in threads:
    t.join(40)
ok(not any(t.is_alive() for t in threads), "nobody hangs")
ok(not wrong, "nothing was wrong", "\n".join(wrong[:20]))
ok(counts["a public page"][2] + counts["TLS that passes through"][2] > 0,
   "some were cut", counts)
ok(doors.said.get(503), "and some were told to come again", doors.said)
print("# right, refused, cut: %s; %s" % (counts, doors.said))
done()
