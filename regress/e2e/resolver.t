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
            ["mount", "-t", "tmpfs", "none", "/run"],
            ["mkdir", FOLDER], ["mount", "--bind", etc, "/etc"]):
    subprocess.run(cmd, check=True)


def name_server(addr):
    """The only one from now on, as such programs say it."""
    with open(FOLDER + "/new", "w") as f:
        f.write("nameserver %s\noptions timeout:1 attempts:1\n" % addr)
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
name_server("127.0.0.2")
relay.start()
ok(agent.proc.wait_line("link to .* is up", 60, 2),
   "agentd asks the second, when there is one", agent.proc.text())
ok(f.wait_line("is up again", 60), "so does accessctl forward", f.text())
s = socket.create_connection(("127.0.0.1", port), 20)
s.sendall(b"hello")
eq(s.recv(5), b"hello", "and connections pass")
done()
