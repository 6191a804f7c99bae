#!/usr/bin/env python3
# tags: slow
"""Every case of http_cases.py, in one write, byte by byte and cut anywhere;
with TLS and without; on one listener and crossing to another.  What can be
said to the rpc door runs there, too.

	HTTP_ONLY=13,23		only these groups
	HTTP_SEED=N		the cuts of that run again"""
import random
import sys
sys.path.insert(0, "regress/e2e")
from http_site import *
import asyncio
import http.client
import http_rpc
import http_runner
from http_backend import Backend
from http_cases import CASES
from http_way import Listeners, Relaid

if not ROOT:
    skip_all("whose connection is whose only root may see")

only = {int(x) for x in os.environ.get("HTTP_ONLY", "").split(",") if x}
seed = int(os.environ.get("HTTP_SEED", random.randrange(1 << 32)))
print("# HTTP_SEED=%d" % seed, flush=True)
relay = Sites("trusted proxy 127.200.0.0/16\nlimit handshake timeout 100s")
backend = Backend()
pids = [relay.children()["listener"], relay.children()["listener 1"]]
where = Listeners(pids)


def listener_of(agent):
    """Which listener has an agent's link."""
    where.scan()
    tunnel = agent.children()["tunnel"]
    for fd in os.listdir("/proc/%d/fd" % tunnel):
        try:
            t = os.readlink("/proc/%d/fd/%s" % (tunnel, fd))
        except OSError:
            continue
        for local, remote in ports_of(t):
            ino = where.inode(local, remote)
            if ino in where.known:
                return where.known[ino]


def ports_of(link):
    if not link.startswith("socket:["):
        return
    with open("/proc/net/tcp") as f:
        for line in f:
            w = line.split()
            if len(w) > 9 and w[9] == link[8:-1]:
                yield ("127.0.0.1", int(w[1].split(":")[1], 16)), (
                    "127.0.0.1", int(w[2].split(":")[1], 16))


token = relay.token("node")
nodes = {}
for name in ("pia", "pib"):
    for _ in range(40):
        a = Agent(relay, name, token, "http backend \"http://127.0.0.1:%d\"" %
                  backend.port)
        i = listener_of(a)
        if i is not None and i not in nodes:
            nodes[i] = name
            break
        a.stop()
if not ok(sorted(nodes) == [0, 1], "a node on each of two listeners", nodes):
    done()
for name in nodes.values():
    relay.public(name)

cases = [c for c in CASES if not only or c.group in only]
ways = [(tls, cross) for tls in (False, True) for cross in (False, True)]
door = Relaid(relay.plain, relay.port, client_context(), [nodes[0], nodes[1]],
              where)


def pair(name):
    """A token for a node, as a paired program has."""
    code = json.loads(relay.ctl("pair", name, "--json").stdout)["code"]
    h = http.client.HTTPConnection("127.0.0.1", relay.plain, timeout=30)
    h.request("POST", "/api/pair", json.dumps({"code": code}))
    return json.loads(h.getresponse().read())["token"]


door.rpc = http_rpc.RpcDoor(door, {n: pair(n) for n in nodes.values()})
began = time.monotonic()
out = asyncio.run(http_runner.run_all(cases, door, backend, seed, ways,
                                  more=(http_rpc.RpcRun, http_rpc.runs_of)))
print("# %d runs of %d cases in %.0f s" % (
    sum(map(len, out.values())), len(out), time.monotonic() - began),
    flush=True)
for case in cases:
    http_runner.report(case, out[case])
by_rpc = sum(any(isinstance(r, http_rpc.RpcRun) for r in runs)
             for runs in out.values())
print("# %d of %d cases by the rpc door, too" % (by_rpc, len(out)))
ok(only or by_rpc > 250, "most of them", by_rpc)
strange = [c for c in backend.conns
           if len({m.get(b"x-forwarded-for") for m in c.parser.msgs}) > 1]
ok(not strange, "no connection of the backend served two visitors",
   [bytes(c.raw[:300]) for c in strange[:5]])
ok(not backend.strays, "nothing reached the backend for nobody",
   backend.strays[:5])
ok(relay.proc.alive() and pids == [relay.children().get(k) for k in
                                   ("listener", "listener 1")],
   "the listeners are those that began")
done()
