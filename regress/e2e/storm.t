#!/usr/bin/env python3
# tags: slow
"""The relay restarted under 500 connected agents."""
import os
import sys
import threading
import time
sys.path.insert(0, "regress/e2e")
from culvert import *

n = 100 if SANITIZED else 500
relay = Relay(prefork=2)
relay.user_add()
tok = write("storm.token", relay.token("node") + "\n", 0o600)
sim = Proc("agents", [OBJ + "/regress/e2e/agents", relay.url, make_ca(), tok,
                      "storm", str(n)])
ok(sim.wait_line(r"^up %d$" % n, 60), "%d agents are up" % n, sim.text()[-300:])
agent = Agent(relay)
env = login(relay)
online = [x for x in relay.json("node", "list") if x["online"]]
eq(len(online), n + 1, "and all are on the list")
pids = relay.children()
t0 = time.monotonic()
relay.proc.kill()
relay.proc.p.wait()
relay.start()
up = wait_for(lambda: sim.text().rstrip().endswith("up %d" % n) and
              len(sim.lines("^up")) > 1, 60)
took = time.monotonic() - t0
ok(up, "after kill -9 all are back", sim.text()[-200:])
ok(wait_for(lambda: node_online(relay), 60), "agentd too")
print("# %d agents back within %.1f s" % (n, took), file=sys.stderr)
target = Target(echo)
eq(Connect(env, "pi", target.port).end(b"x")[:2], (0, b"x"),
   "and streams pass")
mark = len(sim.lines("^up"))
eq(relay.stop(), 0, "an orderly restart")
relay.start()
ok(wait_for(lambda: sim.text().rstrip().endswith("up %d" % n) and
            len(sim.lines("^up")) > mark, 60), "all are back again")
if ROOT and not SANITIZED:
    total = sum(rss(p) for p in relay.children().values())
    ok(total < 40 << 20, "their memory: under 40 MB in all processes",
       "%d KB" % (total >> 10))
# no stream reaches the wrong node, while router dies under them
bad, good, failed = [], [], []


def ask(i):
    c = Connect(env, "storm%d" % (i % n), 7)
    word = b"to %d" % i
    st, out, err = c.end(word, 30)
    if st == 0:
        (good if out == word else bad).append(i)
    else:
        failed.append((st, err))


for rnd in range(3):
    th = [threading.Thread(target=ask, args=(rnd * 8 + i,)) for i in range(8)]
    for t in th:
        t.start()
    os.kill(relay.children()["router"], signal.SIGKILL)
    for t in th:
        t.join()
    wait_for(relay.serving, 10)
eq(bad, [], "no answer is another stream's")
ok(good, "streams passed while router died", failed)
done()
