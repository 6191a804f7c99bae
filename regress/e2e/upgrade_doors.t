#!/usr/bin/env python3
# tags: slow
"""accessctl upgrade while pages are visited, people and programs log in, paired
programs ask and TLS passes through: nobody who connects is turned away or gets
less than all, and what was begun comes to its end."""
import shutil
import sys
sys.path.insert(0, "regress/e2e")
from doors import *

make_cert("relay", "DNS:localhost,DNS:%s,DNS:*.%s" % (DOMAIN, DOMAIN))


class Installed(Relay):
    """One whose binary may be replaced."""

    def start(self, wait=True):
        self.proc = Proc(self.name, [path("relayd"), "-d", "-f", self.conf])
        if not self.proc.wait_line(r"serves on", 30):
            self.proc.show()
            raise SystemExit("relayd did not start")
        return self


shutil.copy(OBJ + "/relayd", path("relayd"))
relay = Installed(prefork=2, domain=DOMAIN, extra=CONF.split("\n", 1)[1] +
                  "\nupgrade spread 1s\nmetrics allow 127.0.0.0/8")
doors = Doors(relay)
cookie, token = doors.enter(), doors.pair()
bearer = {"Authorization": "Bearer " + relay.token("http,connect", EMAIL)}
stop = threading.Event()


def page_of(what, fields={}):
    def ask():
        st, _, body = doors.ask(DOMAIN, what, fields)
        if st != 200:
            raise Wrong("%s: %d %.100r" % (what, st, body))
        return True
    return ask


def slow():
    """A body that is on its way for a while."""
    with doors.socket("pi." + DOMAIN) as s:
        h = http.client.HTTPConnection("pi." + DOMAIN)
        h.sock = s
        h.putrequest("GET", "/chunked/300000")
        h.putheader("Connection", "close")
        h.endheaders()
        r = h.getresponse()
        body = b""
        while len(body) < 300000:
            b = r.read(30000)
            if not b:
                break
            body += b
            time.sleep(0.05)
        return doors.judge((r.status, r.headers, body), page("pi", 300000))


class Kept:
    """One request after the other on a connection, and on a new one when it
    was said that it ends, and not before."""

    def __init__(self, name):
        self.name, self.h = name, None

    def __call__(self):
        h, self.h = self.h, None
        if h is None:
            h = http.client.HTTPConnection(self.name + "." + DOMAIN)
            h.sock = doors.socket(self.name + "." + DOMAIN)
        h.request("GET", "/chunked/2000")
        r = h.getresponse()
        body = r.read()
        if r.will_close:
            h.close()
        else:
            self.h = h
        return doors.judge((r.status, r.headers, body),
                           page(self.name, 2000))


WHAT = {
    "a public page": lambda: doors.public("pi", 50000),
    "another node's": lambda: doors.public("pa", 5000, "length"),
    "a page that takes a while": slow,
    "a private page": lambda: doors.private(cookie),
    "a page with a token": lambda: doors.judge(doors.ask(
        "own--pi." + DOMAIN, "/length/100", bearer), page("own-pi", 100)),
    "a password": doors.basic,
    "a log-in": lambda: bool(doors.enter()),
    "a program": lambda: doors.rpc(token, times=1),
    "TLS that passes through": lambda: doors.through(50000),
    "/health": page_of("/health"),
    "/metrics": page_of("/metrics"),
    "/api/nodes": page_of("/api/nodes", bearer),
}
# One that has just come must not be sent away before it could ask.
WHAT.update({"program %d" % i: (lambda: doors.rpc(token, times=1))
             for i in range(8)})
# Nor one on a connection that was good for its last request.
kept = [Kept("pi") for _ in range(4)]
WHAT.update({"a connection that is kept, %d" % i: k
             for i, k in enumerate(kept)})
for name, f in WHAT.items():
    ok(wait_for(f, 30, 0.2), name + " is served")
doors.said.clear()
counts, failed = {name: 0 for name in WHAT}, []


def visit(name, f):
    while not stop.is_set():
        try:
            if f():
                counts[name] += 1
            else:
                failed.append("%s: refused, %r" % (name, doors.said))
        except (Wrong, SystemExit, *CUT) as e:
            failed.append("%s: %r" % (name, e))
        stop.wait(0.2 if "password" in name or "log-in" in name else 0.01)


def works():
    """Each is right again, twice more than now: one was begun since."""
    was = dict(counts)
    return wait_for(lambda: all(counts[k] > was[k] + 1 for k in was), 60)


threads = [threading.Thread(target=visit, args=x, daemon=True)
           for x in WHAT.items()]
for t in threads:
    t.start()
ok(works(), "all at once")
for i in range(2):
    r = relay.ctl("upgrade", timeout=120)
    eq(r.returncode, 0, "accessctl upgrade")
    ok(works(), "all goes on")
stop.set()
for t in threads:
    t.join(60)
for k in kept:
    if k.h:
        k.h.close()
ok(not failed, "%d visits, none of them failed" % sum(counts.values()),
   "\n".join(failed[:20]))
ok(wait_for(lambda: (relay.json("upgrade", "--status") or {}).get(
    "listeners") == 0, 60, 0.2), "then the old listeners end")
done()
