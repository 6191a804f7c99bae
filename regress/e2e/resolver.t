#!/usr/bin/env python3
"""Another name server while agentd and accessctl forward run: names are
resolved afresh at each attempt, also where /etc/resolv.conf is a link into
the folder of a program that manages networks."""
import os
import shutil
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

DNSMASQ = shutil.which("dnsmasq", path=os.environ["PATH"] + ":/usr/sbin")
FOLDER = "/run/NetworkManager"

# ---- a network, a /run and an /etc of our own ----
if os.environ.get("RESOLVER_INSIDE") is None:
    if not ROOT:
        skip_all("it takes root")
    if DNSMASQ is None:
        skip_all("dnsmasq is missing: sh etc/deps.sh test")
    if run(["unshare", "-m", "-n", "mount", "-t", "tmpfs", "none",
            "/run"]).returncode != 0:
        skip_all("no mount namespace")
    os.execvpe("unshare", ["unshare", "-m", "-n", sys.executable, __file__],
               dict(os.environ, RESOLVER_INSIDE="1"))
make_users()
etc = path("etc")
os.mkdir(etc, 0o755)
for name in ("passwd", "group", "nsswitch.conf", "services", "ssl"):
    subprocess.run(["cp", "-a", "/etc/" + name, etc], check=True)
os.symlink("..%s/resolv.conf" % FOLDER, etc + "/resolv.conf")
for cmd in (["ip", "link", "set", "lo", "up"],
            ["ip", "addr", "add", "fe80::53/64", "dev", "lo"],
            ["mount", "-t", "tmpfs", "none", "/run"],
            ["mkdir", FOLDER], ["mount", "--bind", etc, "/etc"]):
    subprocess.run(cmd, check=True)


def name_server(addr, at=None):
    """The only one from now on, as such programs say it."""
    with open(FOLDER + "/new", "w") as f:
        f.write("nameserver %s\noptions timeout:1 attempts:1\n" %
                (at or addr))
    os.rename(FOLDER + "/new", FOLDER + "/resolv.conf")
    p = Proc("dnsmasq", [DNSMASQ, "-k", "--conf-file=/dev/null",
                         "--no-resolv", "--no-hosts", "--pid-file=",
                         "--user=root", "-z", "-a", addr,
                         "--address=/relay.test/127.0.0.1"])
    if not wait_for(lambda: run(["getent", "hosts",
                                 "relay.test"]).returncode == 0):
        p.show()
        raise SystemExit("dnsmasq does not answer")
    return p


def passes():
    s = socket.create_connection(("127.0.0.1", port), 20)
    s.sendall(b"hello")
    return s.recv(5) == b"hello"


first = name_server("127.0.0.1")
relay = Relay(tls=False, prefork=1, extra='domain "relay.test"\n')
relay.user_add()
url = "ws://relay.test:%d" % relay.port
agent = Agent(relay, url=url, args=["--allow-plaintext"])
port = free_port()
f = Proc("forward", [OBJ + "/accessctl", "forward", "--allow-plaintext",
                     "-L", "%d:pi:%d" % (port, Target(echo).port)],
         env=dict(os.environ, XDG_CONFIG_HOME=path("none"), RELAY_URL=url,
                  RELAY_TOKEN=relay.token("connect")))
ok(f.wait_line("forwarding", 30), "links by the first name server", f.text())
first.stop()
relay.stop()
second = name_server("127.0.0.2")
relay.start()
ok(agent.proc.wait_line("link to .* is up", 60, 2),
   "agentd asks the second, when there is one", agent.proc.text())
ok(f.wait_line("is up again", 60), "so does accessctl forward", f.text())
ok(passes(), "and connections pass")

# ---- a router that is the name server, by the name of the interface ----
second.stop()
relay.stop()
name_server("fe80::53", at="fe80::53%lo")
relay.start()
ok(agent.proc.wait_line("link to .* is up", 60, 3),
   "a third one, at an address of the link alone: agentd",
   agent.proc.text())
ok(f.wait_line("is up again", 60, 2), "and accessctl forward", f.text())
ok(passes(), "and connections pass")
r = run([OBJ + "/accessctl", "connect", "--allow-plaintext", "pi",
         "[fe80::53%%lo]:%d" % free_port()], input="", timeout=60,
        env=dict(os.environ, XDG_CONFIG_HOME=path("none"), RELAY_URL=url,
                 RELAY_TOKEN=relay.token("connect")))
ok(r.returncode == 5 and "own rules" in r.stderr,
   "a target of that kind is for the rules to decide", r.stderr)
agent.stop()
again = Agent(relay, name="po", url=url, args=["--allow-plaintext"],
              extra="pass tcp to fe80::/10")
ok(again.proc.lines("is up"), "agentd begins with it", again.proc.text())
r = run([OBJ + "/accessctl", "connect", "--allow-plaintext", "po",
         "[fe80::53%%lo]:%d" % free_port()], input="", timeout=60,
        env=dict(os.environ, XDG_CONFIG_HOME=path("none"), RELAY_URL=url,
                 RELAY_TOKEN=relay.token("connect")))
ok(r.returncode == 3 and "refused" in r.stderr, "such a target is reached",
   r.stderr)
ok(not [x for x in (agent, again) if x.proc.lines("forbidden system call")],
   "and no process of an agent has ended for it")
done()
