#!/usr/bin/env python3
"""agentd status: what it shows in every state, and its socket."""
import os
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

STATUS = [OBJ + "/agentd", "status"]


def waits(a, cond, seconds=30):
    """Until the status is so; what it was last."""
    last = [None]

    def look():
        last[0] = a.status_json()
        return last[0][1] is not None and cond(*last[0])
    return wait_for(look, seconds), last[0]


relay = Relay(prefork=1)
relay.user_add()

# ---- none runs ----
nowhere = path("nowhere.sock")
r = run(STATUS + ["-s", nowhere])
ok(r.returncode == 3 and "agentd is not running" in r.stderr and
   r.stdout == "", "no agentd: status 3", r.stderr)
r = run(STATUS + ["--frob"])
eq(r.returncode, 2, "usage: status 2")
r = run(STATUS + ["too", "many"])
eq(r.returncode, 2, "and with arguments")

# ---- connected ----
target = Target(echo)
agent = Agent(relay)
env = login(relay)
st = os.stat(agent.socket)
eq((st.st_mode & 0o777, st.st_uid), (0o600, os.geteuid()),
   "the socket is its owner's alone")
code, s = agent.status_json()
eq(code, 0, "connected: status 0")
a = s["agent"]
ok(a["connected"] is True and a["state"] == "connected" and
   a["node"] == "pi" and a["relay"] == relay.url and a["through"] == "" and
   a["relay_software"].startswith("relayd ") and "TLS" in a["tls"] and
   a["since"].endswith("Z"), "which relay, how, since when", a)
eq([t["what"] for t in s["attempts"]], ["up"], "one attempt")
eq(s["streams"], [], "no stream")
found, s = waits(agent, lambda c, s: s["agent"]["rtt_ms"] is not None, 60)
ok(found and s[1]["agent"]["rtt_ms"] < 10000, "a round trip", s)

# ---- streams ----
c = Connect(env, "pi", target.port)
c.p.stdin.write(b"hello")
c.p.stdin.flush()
eq(c.p.stdout.read(5), b"hello", "a stream")
code, s = agent.status_json()
st = s["streams"][0] if len(s["streams"]) == 1 else {}
ok(st.get("kind") == "tcp" and st.get("user") == "you@example.org" and
   st.get("address", "").startswith("127.0.0.1:") and
   st.get("target") == "127.0.0.1:%d" % target.port and
   st.get("connected") is True and (st["bytes_in"], st["bytes_out"]) ==
   (5, 5), "by whom, from where, to what, how much", s)
r = agent.status()
ok(r.returncode == 0 and "connected to " + relay.url in r.stdout and
   re.search(r"\d+ +tcp +you@example.org +127.0.0.1:\d+ +127.0.0.1:%d" %
             target.port, r.stdout), "the same for people", r.stdout)
c.end()
found, s = waits(agent, lambda c, s: s["agent"]["streams_open"] == 0)
a = s[1]["agent"]
eq((found, s[1]["streams"], a["streams_total"], a["bytes_in"],
    a["bytes_out"]), (True, [], 1, 5, 5), "it ends, and is in the totals")

# ---- many of them ----
many = 40 if SANITIZED else 400
port = free_port()
f = Forward(env, "127.0.0.1:%d:pi:127.0.0.1:%d" % (port, target.port))
socks = []
for i in range(many):
    x = socket.create_connection(("127.0.0.1", port), 20)
    x.sendall(b"x")
    socks.append(x)
found, s = waits(agent, lambda c, s: len(s["streams"]) == many and
                 all(t["connected"] for t in s["streams"]), 60)
ok(found, "%d streams are all shown" % many, len(s[1]["streams"]))
eq(len({t["id"] for t in s[1]["streams"]}), many, "each once")
for x in socks:
    x.close()
found, s = waits(agent, lambda c, s: s["streams"] == [] and
                 s["agent"]["streams_open"] == 0)
ok(found, "and none is left", s)
f.stop()

# ---- hostile clients of the socket ----


def client():
    x = socket.socket(socket.AF_UNIX)
    x.settimeout(20)
    x.connect(agent.socket)
    return x


for what, data in (("rubbish", os.urandom(4096)),
                   ("zeros", bytes(4096)),
                   ("an unknown request", b"\xff\x03\0\0\x10\0\0\0" +
                    bytes(8)),
                   ("a short request", b"\xb0\x04\0\0\x10\0\0\0" + bytes(8)),
                   ("relayd's request", b"\0\x04\0\0\x90\0\0\0" +
                    bytes(136))):
    x = client()
    try:
        x.sendall(data)
        while x.recv(65536):
            pass
        over = True
    except (BrokenPipeError, ConnectionResetError):
        over = True
    except TimeoutError:
        over = False
    ok(over and agent.status().returncode == 0, "%s: hung up on, and nobody "
       "else is" % what)
    x.close()
held = [client() for _ in range(15)]
eq(agent.status().returncode, 0, "clients that say nothing")
held += [client() for _ in range(5)]
waiting = threading.Thread(target=lambda: agent.status())
waiting.start()
ok(Connect(env, "pi", target.port).end(b"x")[:2] == (0, b"x"),
   "at the limit of clients streams pass")
for x in held:
    x.close()
waiting.join(60)
ok(not waiting.is_alive() and agent.status().returncode == 0,
   "and who waited is served")
ok(not agent.proc.lines("tunnel.*ended"), "the tunnel has lived through it",
   agent.proc.text())

# ---- who may ask ----
if ROOT:
    r = run(STATUS + ["-s", agent.socket], user="nobody")
    ok(r.returncode == 3 and "permission denied" in r.stderr,
       "another user may not", r.stderr)
else:
    skip("another user may not", "takes root")

# ---- a second one ----
r = run([OBJ + "/agentd", "-d", "-f", agent.conf, "--control",
         agent.socket], timeout=20)
ok(r.returncode == 1 and "another agentd is running" in r.stderr and
   "agentd status" in r.stderr, "a second start is refused", r.stderr)
eq(agent.status().returncode, 0, "and the first does not mind")
with open(agent.conf, "a") as f:
    f.write('control "%s"\n' % path("other.sock"))
agent.proc.kill(signal.SIGHUP)
# The environment of these tests beats the file.
ok(agent.proc.wait_line("configuration reloaded", 20), "a reload")
found, s = waits(agent, lambda c, s: c == 0)
ok(found, "the socket outlives a reload", s)

# ---- the tunnel is killed ----
os.kill(agent.children()["tunnel"], signal.SIGKILL)
found, s = waits(agent, lambda c, s: c == 0 and s["agent"]["times_up"] == 1
                 and s["agent"]["streams_total"] == 0)
ok(found, "a new tunnel answers, and counts anew", s)

# ---- the relay goes, and comes ----
relay.stop()
found, s = waits(agent, lambda c, s: c == 1 and s["agent"]["next_relay"] ==
                 relay.url and [t for t in s["attempts"] if "refused" in
                                t["why"]])
ok(found, "not connected: status 1, the last reasons, the next attempt", s)
r = agent.status()
ok(r.returncode == 1 and "not connected" in r.stdout and
   re.search("attempt +" + relay.url, r.stdout) and "Connection refused" in
   r.stdout, "the same for people", r.stdout)
relay.start()
found, s = waits(agent, lambda c, s: c == 0, 60)
ok(found and [t["what"] for t in s[1]["attempts"]][-1] == "up",
   "connected again", s)
ok("ended" in [t["what"] for t in s[1]["attempts"]] or
   len(s[1]["attempts"]) == 16, "and how it went")

# ---- a crash leaves a socket ----
agent.proc.kill()
agent.proc.p.wait()
ok(os.path.exists(agent.socket), "a crash leaves the socket")
# tunnel, which holds it, goes a moment after its parent
ok(wait_for(lambda: agent.status().returncode == 3, 20), "status 3")
r = agent.status()
ok("is not running" in r.stderr, "and why", r.stderr)
agent.start()
eq(agent.status().returncode, 0, "which the next one replaces")
agent.stop()
ok(not os.path.exists(agent.socket), "an end in order removes it")

# ---- other states ----
silent = Target(lambda c: c.recv(1 << 20) and c.recv(1))
a = Agent(relay, "silent", url="ws://127.0.0.1:%d" % silent.port, wait=False)
found, s = waits(a, lambda c, s: s["agent"]["state"] == "logging in")
ok(found and s[0] == 1 and s[1]["agent"]["since"] is None,
   "logging in is not connected", s)
# What is under way is given up for what is read again; and the list of
# relays is tried from its beginning.
with open(a.conf) as f:
    text = f.read().replace("ws://127.0.0.1:%d" % silent.port, relay.url)
with open(a.conf, "w") as f:
    f.write('%srelay "wss://localhost:%d"\nca "%s"\n' % (
        text, free_port(), make_ca()))
for i in 1, 2:
    a.proc.kill(signal.SIGHUP)
    ok(a.proc.wait_line("link to .* is up", 60, i), "a reload: at the relay "
       "that comes first now", a.proc.text())
ok(not a.proc.lines("ws://127.0.0.1.*next attempt|refused"),
   "and the others are neither waited for nor tried", a.proc.text())
a.stop()
a = Agent(relay, "denied", token=relay.token("connect"), wait=False)
found, s = waits(a, lambda c, s: c == 1 and s["attempts"])
ok(found and s[1]["attempts"][0]["what"] == "failed" and
   s[1]["attempts"][0]["why"] != "", "what the relay says is there", s)
a.stop()
a = Agent(relay, "other", token=None, wait=True, extra="", args=[
    "--control", path("flag.sock")])
eq(run(STATUS + ["-s", path("flag.sock")]).returncode, 0, "--control")
a.stop()
a = Agent(relay, "none", args=["--control", "none"])
ok(not os.path.exists(a.socket), "--control none")
a.stop()
with open(path("dear"), "w") as f:
    f.write("dear")
a = Agent(relay, "dear", args=["--control", path("dear")])
ok(a.proc.lines("there is something else") and open(path("dear")).read() ==
   "dear", "a file is not taken for an old socket")
a.stop()
a = Agent(relay, "bad", args=["--control", path("no/such/folder/x.sock")])
ok(a.proc.lines("agentd status will not work"),
   "a socket that can't be made is no reason not to connect")
a.stop()

# ---- for an ordinary user, where it usually is ----
if ROOT:
    me = pwd.getpwnam("nobody")
    os.mkdir(path("run"), 0o700)
    os.chown(path("run"), me.pw_uid, me.pw_gid)
    a = Agent(relay, "user", user="nobody", wait=False)
    a.stop()
    e = dict(os.environ, HOME="/", XDG_CONFIG_HOME="/nonexistent",
             XDG_RUNTIME_DIR=path("run"))
    del e["CULVERT_AGENTD_SOCKET"]
    a.proc = Proc("agentd-user", [OBJ + "/agentd", "-d", "-f", a.conf],
                  user="nobody", env=e)
    ok(a.proc.wait_line("is up", 30), "an ordinary user's agentd",
       a.proc.text())
    st = os.stat(path("run/culvert/agentd.sock"))
    eq((st.st_mode & 0o777, st.st_uid), (0o600, me.pw_uid),
       "has its socket below XDG_RUNTIME_DIR")
    r = run(STATUS, user="nobody", env=e)
    eq(r.returncode, 0, "where status looks for it")
    r = run(STATUS + ["-f", a.conf], user="nobody", env=e)
    eq(r.returncode, 0, "also with a configuration that does not say")
    write("elsewhere.conf", 'control "%s"\n' % path("elsewhere.sock"))
    r = run(STATUS + ["-f", path("elsewhere.conf")], user="nobody", env=e)
    ok(r.returncode == 3 and path("elsewhere.sock") in r.stderr,
       "or elsewhere, if it does", r.stderr)
    a.stop()
else:
    skip("an ordinary user's agentd", "takes root to be somebody else")
done()
