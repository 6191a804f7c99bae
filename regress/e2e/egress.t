#!/usr/bin/env python3
"""Getting out: proxies of both kinds, helpers, several relays, two address
families; from where there is no other way."""
import os
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

if not ROOT:
    skip_all("a network namespace takes root")
for tool in ("ip", "nsenter", "unshare", "tinyproxy", "microsocks", "socat"):
    if shutil.which(tool) is None:
        skip_all(tool + " is missing: sh etc/deps.sh test")

# ---- a device in a network that has a proxy and nothing else ----
NS = "culvert-%d" % os.getpid()
DEV = "cv%d" % (os.getpid() % 100000)
NET = "10.%d.%d." % (100 + os.getpid() % 100, os.getpid() // 100 % 250)
OUT, IN = NET + "1", NET + "2"


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def ip_in(*args):
    subprocess.run(["ip", "-n", NS, *args], check=True)


ip("netns", "add", NS)
atexit.register(lambda: subprocess.run(["ip", "netns", "del", NS]))
ip("link", "add", DEV, "type", "veth", "peer", "name", "eth0", "netns", NS)
atexit.register(lambda: subprocess.run(["ip", "link", "del", DEV],
                                       stderr=subprocess.DEVNULL))
ip("addr", "add", OUT + "/30", "dev", DEV)
ip("link", "set", DEV, "up")
ip_in("addr", "add", IN + "/30", "dev", "eth0")
ip_in("addr", "add", "2001:db8:77::2/64", "dev", "eth0", "nodad")
ip_in("link", "set", "eth0", "up")
ip_in("link", "set", "lo", "up")
# What is sent there is never answered.
ip_in("neigh", "add", "2001:db8:77::dead", "lladdr", "02:00:00:00:de:ad",
      "dev", "eth0", "nud", "permanent")
INSIDE = ["nsenter", "--net=/run/netns/" + NS, "--"]
PROXY_VARS = ["https_proxy", "http_proxy", "all_proxy", "no_proxy"]
PROXY_VARS += [v.upper() for v in PROXY_VARS]


def environment(**more):
    env = {k: v for k, v in os.environ.items() if k not in PROXY_VARS}
    env.update(more)
    return env


class Inside(Agent):
    """A node in there."""

    def __init__(self, relay, name, extra="", env=None, hosts=None, **kw):
        self.env, self.hosts = env or {}, hosts
        self.extra = extra
        super().__init__(relay, name, extra=extra, **kw)

    def start(self, wait=True):
        os.chmod(self.conf, 0o600)
        argv = INSIDE + [*self.program, "-d", "-f", self.conf,
                         *self.args]
        if self.hosts:
            argv = INSIDE + ["unshare", "-m", "sh", "-c", "mount --bind "
                             '"$0" /etc/hosts && exec "$@"', self.hosts,
                             *argv[len(INSIDE):]]
        self.proc = Proc("agentd-" + self.name, argv, env=environment(
            CULVERT_AGENTD_SOCKET=self.socket, **self.env))
        if wait and not self.proc.wait_line("link to .* is up", 30):
            self.proc.show()
            raise SystemExit("agentd did not get its link")
        return self

    def reconfigure(self, old, new):
        with open(self.conf) as f:
            text = f.read()
        assert old in text
        with open(self.conf, "w") as f:
            f.write(text.replace(old, new))
        self.proc.kill(signal.SIGHUP)

    def said(self, what, count=1):
        return self.proc.wait_line(what, 60, count)

    def up(self, count=1):
        return self.said("link to .* is up", count)


def quiet(p, *secrets):
    """None of these words is in the log or to be seen by ps(1)."""
    seen = p.text() + cmdline(p.pid) + "".join(cmdline(k)
                                               for k in kids(p.pid))
    return not [s for s in secrets if s in seen]


def tinyproxy(port, auth=None):
    n = "tinyproxy.%d" % port
    conf = write(n, "Port %d\nListen %s\nTimeout 600\nMaxClients 50\n"
                 "LogLevel Connect\n%s\n" % (
                     port, OUT, "BasicAuth %s %s" % auth if auth else ""))
    p = Proc("tinyproxy", ["tinyproxy", "-d", "-c", conf])
    if not wait_for(lambda: can_connect(port, OUT)):
        p.show()
        raise SystemExit("tinyproxy did not start")
    return p


def microsocks(port, *args):
    p = Proc("microsocks", ["microsocks", "-i", OUT, "-p", str(port), *args])
    if not wait_for(lambda: can_connect(port, OUT)):
        p.show()
        raise SystemExit("microsocks did not start")
    return p


relay = Relay(prefork=1)
relay.user_add()
token = relay.token("node")
outside = login(relay)
echo_port = free_port()
Proc("echo", INSIDE + ["socat", "TCP-LISTEN:%d,bind=127.0.0.1,fork,"
                       "reuseaddr,backlog=50" % echo_port, "EXEC:cat"])


def passes(name):
    return wait_for(lambda: Connect(outside, name, echo_port).end(b"hello")
                    [:2] == (0, b"hello"), 30)


# ---- without a proxy there is no way ----
a = Inside(relay, "lost", token=token, wait=False)
ok(a.said("127.0.0.1 port %d: Connection refused.*next attempt in" %
          relay.port), "without a proxy there is no way out",
   a.proc.text())
ok(not a.proc.lines("is up"), "and no link")
a.stop()

# ---- CONNECT with a password ----
http_port = free_port()
http = tinyproxy(http_port, ("me", "s3cret"))
good = "http://me:s3cre%%74@%s:%d" % (OUT, http_port)
a = Inside(relay, "http", token=token, extra='proxy "%s"' % good)
ok(a.proc.lines("is up .*through http://%s:%d$" % (OUT, http_port)),
   "CONNECT: a link, and the log says which way", a.proc.text())
ok(passes("http"), "CONNECT: streams pass")
ok(quiet(a.proc, "s3cre", "me:"), "CONNECT: nobody sees the password")
code, s = a.status_json()
eq((code, s["agent"]["through"], "s3cre" in str(s)),
   (0, "http://%s:%d" % (OUT, http_port), False),
   "agentd status: the way, and no password")
http.kill()
http.p.wait()
ok(a.said("proxy http://%s:%d: .*Connection refused; next attempt" %
          (OUT, http_port)), "the proxy dies: it is told that it was the "
   "proxy", a.proc.text())
code, s = a.status_json()
ok(code == 1 and s["agent"]["next_relay"] == relay.url and
   s["agent"]["through"] == "http://%s:%d" % (OUT, http_port) and
   [t for t in s["attempts"] if t["what"] == "ended"] and
   "Connection refused" in s["attempts"][-1]["why"],
   "agentd status: not connected, why, and what is next", s)
http = tinyproxy(http_port, ("me", "s3cret"))
ok(a.up(2), "the proxy comes back, and the link")
ok(passes("http"), "and streams")
a.stop()

# ---- the wrong password, and none ----
a = Inside(relay, "wrong", token=token, wait=False,
           extra='proxy "http://me:guess@%s:%d"' % (OUT, http_port))
ok(a.said(r"does not accept this user and password \(40.\): correct them .*"
          r"next attempt in 1\d"), "CONNECT: a wrong password, told and "
   "tried again, but not at once", a.proc.text())
ok(quiet(a.proc, "guess"), "and not seen")
code, s = a.status_json()
ok(code == 1 and "does not accept this user and password" in
   s["attempts"][-1]["why"] and s["agent"]["next_in_ms"] > 0 and
   "guess" not in str(s), "agentd status: why, and when it is tried again",
   s)
a.reconfigure("me:guess", "me:s3cret")
ok(a.up(), "corrected, and read again: a link")
a.stop()
a = Inside(relay, "none", token=token, wait=False,
           extra='proxy "http://%s:%d"' % (OUT, http_port))
ok(a.said(r"wants a user and a password \(407\): write http://user:"),
   "CONNECT: no password, and what to do", a.proc.text())
a.stop()

# ---- a proxy that says yes and leads nowhere ----
def mute(c):
    while b"\r\n\r\n" not in c.recv(4096):
        pass
    c.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    c.recv(4096)


nowhere = Target(mute, OUT)
url = "http://me:s3cret@%s:%d" % (OUT, nowhere.port)
a = Inside(relay, "mute", token=token, wait=False, extra='proxy "%s"' % url)
through = "through http://%s:%d: " % (OUT, nowhere.port)
ok(a.said("relay %s: %sconnection .*; next attempt in" %
          (relay.url, through)),
   "a proxy that fails after its yes: the log says by which way",
   a.proc.text())
ok(a.status_json()[1]["attempts"][-1]["why"].startswith(through),
   "agentd status: so does it", a.status_json())
ok(quiet(a.proc, "s3cret"), "and not with what password")
a.stop()
r = run([OBJ + "/accessctl", "nodes", "--proxy", url], env=outside)
ok(r.returncode == 8 and through + "connection " in r.stderr and
   "s3cret" not in r.stderr, "accessctl: the same", r.stderr)

# ---- what the environment says ----
plain_port = free_port()
plain = tinyproxy(plain_port)
plain_url = "http://%s:%d" % (OUT, plain_port)
for name, env in (("env1", {"HTTPS_PROXY": plain_url}),
                  ("env2", {"https_proxy": plain_url,
                            "HTTPS_PROXY": "http://127.0.0.1:1"}),
                  ("env3", {"ALL_PROXY": plain_url, "NO_PROXY":
                            "example.org,127.0.0.1"}),
                  ("env4", {"https_proxy": good})):
    a = Inside(relay, name, token=token, env=env)
    ok(passes(name), "environment: " + " ".join(env))
    if name == "env4":
        ok(quiet(a.proc, "s3cre"), "and its password is not seen")
        ok(not [k for k in [a.proc.pid, *kids(a.proc.pid)] if b"s3cre" in
                open("/proc/%d/environ" % k, "rb").read()],
           "nor left in the environment of any process")
        a.proc.kill(signal.SIGHUP)
        ok(a.up(2), "but not forgotten by a reload", a.proc.text())
    a.stop()
a = Inside(relay, "env5", token=token, wait=False,
           env={"HTTPS_PROXY": plain_url, "NO_PROXY": ".localhost"})
ok(a.said("127.0.0.1 port %d: Connection refused" % relay.port),
   "NO_PROXY: straight, which leads nowhere here", a.proc.text())
a.stop()
a = Inside(relay, "env6", token=token, wait=False, extra="proxy none",
           env={"HTTPS_PROXY": plain_url})
ok(a.said("127.0.0.1 port %d: Connection refused" % relay.port),
   "proxy none beats the environment", a.proc.text())
a.stop()
a = Inside(relay, "env7", token=token, wait=False,
           env={"HTTPS_PROXY": "https://u:s3cret@x"})
ok(a.said("HTTPS_PROXY: https:// to a proxy is not spoken"),
   "a proxy that is not spoken to is told at the start", a.proc.text())
eq(a.proc.p.wait(10), 1, "and the end")
ok(quiet(a.proc, "s3cret"), "without its password")
# What the proxy can't reach.
a = Inside(relay, "far", token=token, wait=False, ca=False,
           url="wss://no-such-host.invalid:443",
           env={"HTTPS_PROXY": plain_url})
ok(a.said(r"proxy %s: it .*\(50\d\)" % re.escape(plain_url)),
   "a relay that the proxy can't reach", a.proc.text())
a.stop()

# ---- SOCKS5 ----
socks_port = free_port()
socks = microsocks(socks_port, "-u", "me", "-P", "s3cret")
for kind in ("socks5", "socks5h"):
    url = "%s://me:s3cret@%s:%d" % (kind, OUT, socks_port)
    a = Inside(relay, kind, token=token, extra='proxy "%s"' % url)
    ok(passes(kind), kind + " with a password", a.proc.text())
    ok(quiet(a.proc, "s3cret"), "which nobody sees")
    if kind == "socks5":
        socks.kill()
        socks.p.wait()
        ok(a.said("proxy socks5://%s:%d: .*Connection refused; next" %
                  (OUT, socks_port)), "the proxy dies", a.proc.text())
        socks = microsocks(socks_port, "-u", "me", "-P", "s3cret")
        ok(a.up(2), "and comes back")
    a.stop()
a = Inside(relay, "sockswrong", token=token, wait=False,
           extra='proxy "socks5h://me:guess@%s:%d"' % (OUT, socks_port))
ok(a.said(r"proxy socks5h://[^ ]*: it does not accept this user and password"
          r".*next attempt in 1\d"), "SOCKS5: a wrong password",
   a.proc.text())
a.reconfigure("me:guess@", "")
ok(a.said("it wants a user and a password: write socks5h://user:"),
   "SOCKS5: no password", a.proc.text())
a.reconfigure("socks5h://", "http://")
ok(a.said("not an HTTP proxy|without an answer"),
   "SOCKS5 that is taken for HTTP", a.proc.text())
a.stop()
sshd = Sshd()
ssh_port = free_port()
ssh = Proc("ssh-D", ["ssh", "-N", "-D", "%s:%d" % (OUT, ssh_port), "-p",
                     str(sshd.port), "-i", path("ssh/user"), "-o",
                     "UserKnownHostsFile=" + path("ssh/known_hosts"), "-o",
                     "HostKeyAlias=device", "-o", "BatchMode=yes",
                     "-o", "IdentitiesOnly=yes", "-F", "none", "127.0.0.1"])
ok(wait_for(lambda: can_connect(ssh_port, OUT), 20), "ssh -D")
a = Inside(relay, "sshd", token=token,
           env={"all_proxy": "socks5h://%s:%d" % (OUT, ssh_port)})
ok(passes("sshd"), "SOCKS5 of ssh -D, without a password", a.proc.text())
a.stop()

# ---- a program that connects for us ----
helper = write("helper", "#!/bin/sh\necho \"helps to reach $1 $2\" >&2\n"
               "exec socat - PROXY:%s:$1:$2,proxyport=%d,"
               "proxyauth=me:s3cret\n" % (OUT, http_port), 0o755)
a = Inside(relay, "helper", token=token, extra='proxy helper "%s"' % helper)
ok(passes("helper"), "a helper", a.proc.text())
eq(a.status_json()[1]["agent"]["through"], "helper " + helper,
   "agentd status: by which helper")
ok(a.proc.lines("proxy helper: helps to reach localhost %d$" % relay.port),
   "it is told where to, and its complaints are in our log", a.proc.text())
h = a.children().get("helper")
if ok(h is not None, "the process that starts them"):
    px = pwd.getpwnam("_culvertpx").pw_uid
    eq({os.stat("/proc/%d" % k).st_uid for k in [h, *kids(h)]}, {px},
       "and they run as the user of the proxy process")
    for k in kids(h):
        os.kill(k, signal.SIGKILL)
    ok(a.up(2), "a helper is killed: there is another one", a.proc.text())
    ok(passes("helper"), "and streams pass again")
    for k in ("proxy", "tunnel"):
        n = len(a.proc.lines("link to .* is up"))
        os.kill(a.children()[k], signal.SIGKILL)
        if k == "tunnel":
            ok(a.up(n + 1), "with a new tunnel", a.proc.text())
    for k in kids(h):
        os.kill(k, signal.SIGKILL)
    ok(passes("helper"), "and with a new proxy process", a.proc.text())
    a.reconfigure(helper, helper + ".other")
    ok(a.said("the old configuration stays"), "it can't be changed by a "
       "reload")
    os.kill(h, signal.SIGKILL)
    ok(wait_for(lambda: not a.proc.alive(), 20) and a.proc.p.returncode == 1
       and a.proc.lines("starts the proxy helper has ended"),
       "without the process that starts them agentd ends, and says why",
       a.proc.text())
a.stop()
broken = write("broken", "#!/no/such/shell\n", 0o755)
a = Inside(relay, "broken", token=token, wait=False,
           extra='proxy helper "%s"' % broken)
ok(a.said("helper %s: No such file or directory; next" % broken),
   "a helper that can't be run", a.proc.text())
a.stop()

ends = write("ends", "#!/bin/sh\nexit 3\n", 0o755)
a = Inside(relay, "ends", token=token, wait=False,
           extra='proxy helper "%s"' % ends)
ok(a.said("relay %s: through helper %s: .*; next" % (relay.url, ends)),
   "a helper that fails: the log says that it was by the helper",
   a.proc.text())
ok(a.said("proxy helper: helper %s ended with status 3" % ends),
   "and how it ended", a.proc.text())
a.stop()
talks = write("talks", "#!/bin/sh\nseq -f 'line %.0f' 5000 >&2\n", 0o755)
a = Inside(relay, "talks", token=token, wait=False,
           extra='proxy helper "%s"' % talks)
ok(a.said(r"proxy helper: line \d+ \(and \d+ lines before\)") and
   len(a.proc.lines("proxy helper: line ")) < 500,
   "a helper that talks a lot does not fill the log")
a.stop()
r = run(["timeout", "30", OBJ + "/accessctl", "nodes", "--proxy-helper",
         write("four", "#!/bin/sh\nexit 4\n", 0o755)], env=outside)
ok(r.returncode == 8 and "through helper %s: " % path("four") in r.stderr,
   "accessctl: by the helper", r.stderr)

# ---- several relays, in order ----
dead = free_port()
a = Inside(relay, "two", token=token, extra='proxy "%s"\nrelay "wss://'
           'localhost:%d"\nrelay "%s"' % (plain_url, dead, relay.url),
           url="wss://localhost:%d" % free_port())
ok(a.proc.lines("relay wss://localhost:%d: .*next attempt in 0\\." % dead),
   "the first relays are dead: soon the next one", a.proc.text())
code, s = a.status_json()
ok(code == 0 and s["agent"]["relay"] == relay.url and
   [t["what"] for t in s["attempts"]] == ["failed", "failed", "up"],
   "agentd status: what was tried before", s)
relay.stop()
relay.listen = ["listen on 127.0.0.1 port %d tls" % dead]
relay.write_conf()
relay.start()
ok(a.up(2), "that one goes, the first comes back: the link is there",
   a.proc.text())
code, s = a.status_json()
eq((code, s["agent"]["relay"]), (0, "wss://localhost:%d" % dead),
   "agentd status: which one")
relay.stop()
relay.listen = None
relay.write_conf()
relay.start()
ok(a.up(3) and a.status_json()[1]["agent"]["relay"] == relay.url,
   "and back to the last")
a.stop()

# ---- an address that does not answer, of two families ----
if not os.path.exists(path("tls/names.pem")):
    make_cert("names", "DNS:relay.test,DNS:localhost")
far = Relay("far", prefork=1, listen=[], start=False,
            certs=[(path("tls/names.pem"), path("tls/names.key"))])
far.listen = ["listen on %s port %d tls" % (OUT, far.port)]
far.write_conf()
far.start()
far.user_add()
hosts = write("hosts", "127.0.0.1 localhost\n"
              "2001:db8:77::dead relay.test proxy.test\n"
              "%s relay.test proxy.test\n" % OUT)
a = Inside(far, "race", url="wss://relay.test:%d" % far.port, hosts=hosts)
ok(not a.proc.lines("next attempt"), "a dead IPv6 address of a relay: IPv4 "
   "wins at the first attempt", a.proc.text())
a.stop()
for url in ("http://proxy.test:%d" % plain_port,
            "socks5://me:s3cret@proxy.test:%d" % socks_port):
    a = Inside(far, "race" + url[:4], url="wss://relay.test:%d" % far.port,
               hosts=hosts, extra='proxy "%s"' % url, wait=False)
    if url.startswith("http"):
        # tinyproxy does not know the name: that it was asked is enough.
        ok(a.said("proxy http://proxy.test:%d: it can't reach the relay" %
                  plain_port), "a dead IPv6 address of a proxy",
           a.proc.text())
        ok(not a.proc.lines("no answer in time|timed out"), "in time")
    else:
        ok(a.up(), "SOCKS5: and of both", a.proc.text())
        ok(not a.proc.lines("next attempt"), "at the first attempt")
    a.stop()
far.stop()

# ---- accessctl ----
agent = Agent(relay, "home", token=token)
target = Target(echo)
client = relay.token("connect")


def accessctl(*args, env=None, input=None, home=None):
    e = environment(XDG_CONFIG_HOME=path(home or "inside"), **(env or {}))
    return run(INSIDE + [OBJ + "/accessctl", *map(str, args)], env=e,
               input=input)


r = accessctl("login", "--relay", relay.url, "--ca", make_ca(),
              "--from-stdin", input=client + "\n")
ok(r.returncode == 1 and "Connection refused" in r.stderr,
   "accessctl login: without a proxy there is no way", r.stderr)
r = accessctl("login", "--relay", relay.url, "--ca", make_ca(), "--proxy",
              "http://me:guess@%s:%d" % (OUT, http_port), "--from-stdin",
              input=client + "\n")
ok(r.returncode == 1 and "does not accept this user and password" in
   r.stderr and "guess" not in r.stderr, "with a wrong password", r.stderr)
ways = {
    "HTTP": (["--proxy", good], {}),
    "HTTP of the environment": ([], {"HTTPS_PROXY": good}),
    "SOCKS5": (["--proxy", "socks5://me:s3cret@%s:%d" % (OUT, socks_port)],
               {}),
    "SOCKS5 of ssh": ([], {"ALL_PROXY": "socks5h://%s:%d" %
                           (OUT, ssh_port)}),
    "helper": (["--proxy-helper", helper], {}),
}
for i, (name, (args, env)) in enumerate(ways.items()):
    home = "inside%d" % i
    r = accessctl("login", "--relay", relay.url, "--ca", make_ca(), *args,
                  "--from-stdin", input=client + "\n", env=env, home=home)
    ok(r.returncode == 0, "accessctl login: " + name, r.stderr)
    kept = path(home + "/culvert/accessctl.login")
    eq(os.stat(kept).st_mode & 0o777, 0o600, "in a file of our own")
    # What login was given as an argument, the others know from its file.
    r = accessctl("connect", "home", target.port, env=env, home=home,
                  input="hello")
    ok(r.returncode == 0 and r.stdout == "hello", "accessctl connect: " +
       name, r.stderr)
    r = accessctl("nodes", "--json", env=env, home=home)
    ok(r.returncode == 0 and "home" in r.stdout, "accessctl nodes: " + name,
       r.stderr)
    port = free_port()
    f = Proc("forward", INSIDE + [
        OBJ + "/accessctl", "forward", "-L",
        "%s:%d:home:127.0.0.1:%d" % (IN, port, target.port)],
        env=environment(XDG_CONFIG_HOME=path(home), **env))

    def forwarded():
        try:
            with socket.create_connection((IN, port), 10) as s:
                s.settimeout(10)
                s.sendall(b"x")
                return s.recv(1) == b"x"
        except OSError:
            return False
    ok(wait_for(forwarded, 30), "accessctl forward: " + name, f.text())
    if name in ("HTTP", "helper"):
        http.kill()
        http.p.wait()
        http = tinyproxy(http_port, ("me", "s3cret"))
        ok(wait_for(forwarded, 60), "and again, after the proxy came back",
           f.text())
    ok(quiet(f, "s3cre"), "no password in sight", f.text())
    if name == "helper":
        os.kill(kids(f.pid)[0], signal.SIGKILL)
        ok(wait_for(lambda: not f.alive(), 20) and f.p.returncode == 1 and
           f.lines("helper %s: the process that starts it has ended: it "
                   "takes a new start" % helper),
           "without the process that starts helpers it ends, and says why",
           f.text())
    f.stop()
r = accessctl("connect", "--proxy", "http://%s:%d" % (OUT, free_port()),
              "home", target.port, home="inside0")
ok(r.returncode == 8 and "Connection refused" in r.stderr,
   "accessctl connect: a proxy that is not there is status 8", r.stderr)
r = accessctl("connect", "--proxy", "none", "home", target.port,
              home="inside0")
ok(r.returncode == 8 and "127.0.0.1 port %d" % relay.port in r.stderr,
   "accessctl connect: --proxy none", r.stderr)
r = accessctl("connect", "--proxy", "ftp://me:s3cret@x", "home",
              target.port, home="inside0")
ok(r.returncode == 2 and "s3cret" not in r.stderr,
   "accessctl connect: no proxy at all is status 2", r.stderr)
done()
