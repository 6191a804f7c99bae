#!/usr/bin/env python3
# tags: slow no-asan
"""The relay's wall clock jumps by years and by days: links and streams do not
notice, tokens are judged by the clock as it is, and nobody is logged out by
a jump back."""
import os
import sys
sys.path.insert(0, "regress/e2e")
from fault import *

if not os.path.exists(FAULT_OBJ + "/relayd"):
    skip_all("needs \"make VARIANT=fault\"")
DAY = 86400
faults = Faults()
relay = Relay(prefork=2, obj=FAULT_OBJ)
relay.user_add()
agent = Agent(relay)            # with the time as it is
env = login(relay)
target = Target(echo)
forever = relay.token("connect")
week = relay.token("connect", "you@example.org", "--expires", "7d")


def held(token):
    c = Connect(dict(env, RELAY_TOKEN=token), "pi", target.port)
    passes(c)
    return c


def passes(c):
    try:
        return c.echoes()
    except OSError:
        return False


def status_of(token):
    return Connect(dict(env, RELAY_TOKEN=token), "pi",
                   target.port).end(b"x")[0]


def ups():
    return len(agent.proc.lines("link to .* is up"))


always, weekly = held(forever), held(week)
ok(passes(always) and passes(weekly), "two streams, by two tokens")
pids = relay.children()
eq(ups(), 1, "the node's link is up")

faults.clock(-DAY)
ok(all(wait_for(lambda: passes(c), 1) for c in (always, weekly)),
   "a day back: the streams go on")
eq([status_of(t) for t in (forever, week)], [0, 0],
   "both tokens log in still, which were made tomorrow")
fresh = relay.token("connect")
eq(status_of(fresh), 0, "and so does a new one")
faults.clock(6 * DAY)
eq(status_of(week), 0, "six days on: a token of a week is good")
ok(passes(weekly), "and its stream goes on")
faults.clock(7 * DAY + 30)
eq(status_of(week), 0, "half a minute over it still is: clocks differ")
faults.clock(7 * DAY + 3600)
eq(status_of(week), 5, "an hour over it is not")
eq(status_of(forever), 0, "the others are")
ok(wait_for(lambda: weekly.p.poll() is not None, 90, 0.2),
   "its link is ended within the minute")
ok(passes(always), "and no other")
faults.clock(0)
eq(status_of(week), 0, "the clock is right again: it logs in again")
faults.clock(3652 * DAY)
ok(passes(always), "ten years on: a stream goes on")
eq(status_of(forever), 0, "who has no end logs in")
eq(status_of(week), 5, "who has had one does not")
# more than two pings of the processes, and one of the links
end = time.monotonic() + 20
while time.monotonic() < end and passes(always):
    time.sleep(0.5)
ok(passes(always), "and goes on")
ok(relay.json("audit"), "the audit log takes lines of any time")
faults.clock(-3652 * DAY)
ok(passes(always) and status_of(forever) == 0, "twenty years back: so it is")
ok(relay.ctl("reload").returncode != 0,
   "and a certificate from then on is not taken by a reload")
faults.clock(0)
eq(relay.ctl("reload").returncode, 0, "but now it is")
ok(passes(always), "the stream goes on")
eq(relay.children(), pids, "no process was started again")
eq(ups(), 1, "and the node's link is the first one still")
eq(always.end()[0], 0, "the stream ends in order")
agent.stop()
eq(relay.stop(), 0, "relayd ends in order")
done()
