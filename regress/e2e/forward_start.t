#!/usr/bin/env python3
"""accessctl forward: how it starts, what it refuses to, -f, signals."""
import os
import shutil
import socketserver
import sys
import threading
sys.path.insert(0, "regress/e2e")
from forwarding import *

if shutil.which("curl") is None:
    skip_all("curl is not there")

relay = Relay(prefork=2)
relay.user_add()
web = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Web)
web.daemon_threads = True
threading.Thread(target=web.serve_forever, daemon=True).start()
webport = web.server_address[1]
agent = Agent(relay)
env = login(relay)
none, lweb, lnone = (free_port() for _ in range(3))
ltcp = path("tcp.sock")

# ---- a name with an address that is not ours, ----
if ROOT and run(["unshare", "-m", "true"]).returncode == 0:
    hosts = write("hosts", "".join(a + " here.test\n" for a in (
        "2001:db8::1", "192.0.2.1", "127.0.0.1", "127.0.0.1"))
        + "127.0.0.1 localhost\n")
    p = Proc("hosts", [
        "unshare", "-m", "sh", "-c", "mount --bind %s /etc/hosts && exec "
        "\"$@\"" % hosts, "sh", OBJ + "/accessctl", "forward", "-L",
        "here.test:%d:pi:%d" % (lweb, webport)], env=env)
    ok(p.wait_line("forwarding 127.0.0.1:%d" % lweb, 30) and
       curl("http://127.0.0.1:%d/name" % lweb) == "you asked for /name",
       "a name of several addresses, of which one is ours", p.text())
    p.stop()
else:
    skip("a name of several addresses", "no mount namespace")
p = Forwards(env, "192.0.2.1:%d:pi:%d" % (lweb, webport), wait=False,
             name="far")
eq(p.p.wait(20), 1, "an address that is not ours is an error")
ok("can't listen on 192.0.2.1 port" in p.text(), "that is said", p.text())

# ---- one twice, as it is written or otherwise ----
lodd = path("odd.sock")
for what, a, b in (
        ("as it is written", "127.0.0.1:%d" % lweb, "127.0.0.1:%d" % lweb),
        ("by name", "localhost:%d" % lweb, "127.0.0.1:%d" % lweb),
        ("in IPv6", "[::1]:%d" % lweb, "[0:0:0:0:0:0:0:1]:%d" % lweb),
        ("without an address", "%d" % lweb, "127.0.0.1:%d" % lweb),
        ("among all", "127.0.0.1:%d" % lweb, ":%d" % lweb),
        ("all first", "*:%d" % lweb, "127.0.0.1:%d" % lweb),
        ("a path", lodd, os.path.dirname(lodd) + "/./odd.sock")):
    for udp_ in ("", "/udp") if ":" in b else ("",):
        p = Forwards(env, a + ":pi:%d" % webport + udp_,
                     b + ":pi:%d" % webport + udp_, wait=False, name="twice")
        eq(p.p.wait(20), 2 if a == b else 1, "one twice, %s%s" % (what, udp_))
        ok("given twice" in p.text() and "another program" not in p.text(),
           "is told so", p.text())
p = Forwards(env, "127.0.0.1:%d:pi:%d" % (lweb, webport),
             "127.0.0.1:%d:pi:%d/udp" % (lweb, webport),
             "[::1]:%d:pi:%d" % (lweb, webport), name="apart")
ok(p.alive(), "TCP and UDP, IPv4 and IPv6 are apart", p.text())
p.stop()

# ---- without a terminal's signals ----
nohup = Proc("nohup", ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh",
                       OBJ + "/accessctl", "forward", "-L", "%d:pi:%d" % (
                           lweb, webport)], env=env)
nohup.wait_line("forwarding", 30)
nohup.kill(signal.SIGHUP)
eq(curl("http://127.0.0.1:%d/nohup" % lweb), "you asked for /nohup",
   "started by nohup, SIGHUP is nothing to it")
nohup.kill(signal.SIGTERM)
eq(nohup.p.wait(20), -signal.SIGTERM, "but SIGTERM is")

# ---- -f ----
r = run([OBJ + "/accessctl", "forward", "-f", "-L", "%d:pi:%d" % (
    lweb, webport)], env=dict(env, RELAY_URL="wss://127.0.0.1:%d" % none))
ok(r.returncode == 8 and r.stderr.count("\n") == 1,
   "-f: a relay that is not there is the exit status, and said", r)
bad = dict(env, XDG_CONFIG_HOME=path("nobody"), RELAY_URL=relay.url,
           RELAY_TOKEN=relay.token("node"))
r = run([OBJ + "/accessctl", "forward", "-f", "--ca", make_ca(), "-L",
         "%d:pi:%d" % (lweb, webport)], env=bad)
eq(r.returncode, 5, "-f: so is a token that is not accepted")
keep = socket.create_server(("127.0.0.1", 0))
r = run([OBJ + "/accessctl", "forward", "-f", "-L", "%d:pi:%d" % (
    keep.getsockname()[1], webport)], env=env)
ok(r.returncode == 1 and "can't listen" in r.stderr,
   "-f: so is a port that is taken", r)

pids = path("pids")
inside = [OBJ + "/accessctl", "forward", "-f", "-L", "%d:pi:%d" % (
    lweb, webport), "-L", "%s:pi:%d" % (ltcp, webport), "-L",
    "%d:pi:%d/udp" % (lnone, none)]
syslog = []
if ROOT and run(["unshare", "-m", "true"]).returncode == 0:
    # A /dev of its own, with a log that we keep.
    dev = path("dev")
    os.mkdir(dev)
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind(dev + "/log")

    def keep_log():
        while True:
            syslog.append(log.recv(65536))

    threading.Thread(target=keep_log, daemon=True).start()
    nodes = "null zero full random urandom tty"
    inside = [
        "unshare", "-m", "--propagation", "private", "sh", "-c",
        "set -e; for n in %s; do : >>%s/$n; mount --bind /dev/$n %s/$n; "
        "done; mount --rbind %s /dev; exec \"$@\"" % (nodes, dev, dev, dev),
        "sh"] + inside
r = run(inside, env=env)
ok(r.returncode == 0 and r.stdout + r.stderr == "",
   "-f: it comes back once all is well, without a word", r)
eq(curl("http://127.0.0.1:%d/bg" % lweb), "you asked for /bg",
   "and serves in the background")


def background():
    out = []
    for p in os.listdir("/proc"):
        if p.isdigit() and " forward -f -L %d:" % lweb in cmdline(int(p)):
            out.append(int(p))
    return out


ours = background()
main = [p for p in ours if os.readlink("/proc/%d/exe" % p).endswith(
    "accessctl") and len(os.listdir("/proc/%d/fd" % p)) > 3]
eq((len(ours), len(main)), (2, 1), "a process, and one that keeps the files")
with open("/proc/%d/stat" % main[0]) as o:
    session = int(o.read().rsplit(")", 1)[1].split()[3])
ok(session == main[0] and {os.readlink("/proc/%d/fd/%d" % (main[0], i))
                           for i in range(3)} == {"/dev/null"},
   "it has left the terminal", session)
if len(inside) > 20 or inside[0] == "unshare":
    ok(wait_for(lambda: [x for x in syslog if b"forwarding" in x], 20),
       "it speaks to syslog", syslog)
    d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ok(wait_for(lambda: d.sendto(b"x", ("127.0.0.1", lnone)) and [
        x for x in syslog if b"nobody receives" in x], 20, 0.3),
       "of what happens later, too", syslog)
else:
    skip("it speaks to syslog", "no mount namespace")
    skip("of what happens later, too", "no mount namespace")
os.kill(main[0], signal.SIGTERM)
ok(wait_for(lambda: background() == [] and not os.path.exists(ltcp), 20),
   "and it ends, with its files", background())
done()
