#!/usr/bin/env python3
"""IPv4 and IPv6, TLS and plain, one listener and three, root and not."""
import os
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

target = Target(echo)
user = ordinary_user() if ROOT else None
n = 0
for prefork in (1, 3):
    for tls in (True, False):
        for who in ((None, user) if ROOT else (None,)):
            n += 1
            p4, p6 = free_port(), free_port(socket.AF_INET6)
            t = " tls" if tls else ""
            relay = Relay("r%d" % n, tls=tls, prefork=prefork, port=p4,
                          user=who, listen=[
                              "listen on 127.0.0.1 port %d%s" % (p4, t),
                              "listen on ::1 port %d%s" % (p6, t)])
            relay.user_add()
            what = "%d listener%s, %s, %s" % (
                prefork, "s" if prefork > 1 else "", "TLS" if tls else
                "plain", "root" if ROOT and who is None else "not root")
            a4 = Agent(relay, "four%d" % n, user=who)
            a6 = Agent(relay, "six%d" % n, user=who, url="%s://[::1]:%d" % (
                "wss" if tls else "ws", p6))
            env = login(relay, name="h%d" % n)
            for node in (a4.name, a6.name):
                outs = [Connect(env, node, target.port).end(b"x" * 300000)
                        for _ in range(3)]
                ok(all(o[0] == 0 and len(o[1]) == 300000 for o in outs),
                   "%s: node %s" % (what, node), outs[0][2])
            uids = {k: os.stat("/proc/%d" % p).st_uid for k, p in
                    relay.children().items()}
            if ROOT and who is None:
                eq(len({uids[k] for k in ("auth", "keys", "router",
                                          "listener")} - {0}), 4,
                   what + ": each kind of process has a user of its own")
            elif ROOT:
                ok(0 not in uids.values(), what + ": nothing is root's")
                ok(len(relay.proc.lines("no chroot")) == 1,
                   what + ": it says once that it can't change user",
                   relay.proc.text())
            for x in (a4, a6):
                x.stop()
            eq(relay.stop(), 0, what + ": ends in order")
done()
