#!/usr/bin/env python3
"""Who is believed to be the relay: CA, pin, and what happens without."""
import base64
import hashlib
import os
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

relay = Relay(prefork=1)
relay.user_add()
target = Target(echo)
token = relay.token("connect")
node = relay.token("node")


def pin_of(cert):
    pub = subprocess.run(["openssl", "x509", "-in", cert, "-noout",
                          "-pubkey"], check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"],
                         input=pub, check=True, capture_output=True).stdout
    return "sha256:" + hashlib.sha256(der).hexdigest()


good, bad = pin_of(path("tls/relay.pem")), "sha256:" + "ab" * 32
agent = Agent(relay, token=node, ca=False, extra="pin \"%s\"" % good)
ok(node_online(relay), "agentd: a pin alone is enough")
e = dict(os.environ, XDG_CONFIG_HOME=path("nobody"), RELAY_URL=relay.url,
         RELAY_TOKEN=token)
tok = write("token", token + "\n", 0o600)


def connect(*args, env=e):
    return Connect(env, *args, "pi", target.port).end(b"x")


eq(connect("--pin", good)[:2], (0, b"x"), "accessctl: so it is there")
eq(connect("--pin", good, "--ca", make_ca())[:2], (0, b"x"), "pin and CA")
for args, word, name in (
        (("--pin", bad), "pin", "a wrong pin"),
        (("--pin", bad, "--ca", make_ca()), "pin", "a wrong pin, right CA"),
        ((), "certificate", "neither: the system's roots do not know it")):
    st, out, err = connect(*args)
    ok(st == 8 and out == b"" and word in err, "%s: refused" % name,
       "%d %s" % (st, err))
make_key("other.key")
openssl("req", "-new", "-x509", "-key", "other.key", "-days", "2", "-subj",
        "/CN=another CA", "-out", "other.pem")
st, out, err = connect("--ca", path("tls/other.pem"))
ok(st == 8 and "certificate" in err, "another CA: refused", err)
wrong = make_cert("wrong", "DNS:elsewhere.example.org")
relay2 = Relay("relay2", certs=[wrong], prefork=1)
st, out, err = connect("--ca", make_ca(), env=dict(e, RELAY_URL=relay2.url))
ok(st == 8 and "name" in err, "a certificate for another name: refused", err)
st, out, err = connect("--ca", make_ca(), env=dict(
    e, RELAY_URL="ws://relay.example.org"))
ok(st != 0 and "in the clear" in err, "ws:// to elsewhere: refused", err)
st, out, err = connect("--ca", make_ca(), env=dict(
    e, RELAY_URL="wss://localhost:%d/somewhere" % relay.port))
ok(st != 0, "a path that no relay has: refused", err)

# what a newcomer meets
stranger = dict(os.environ, XDG_CONFIG_HOME=path("stranger"),
                RELAY_TOKEN=relay.token("connect"))
for url, want in ((relay.url, "unknown CA.*ca or pin"),
                  (relay.url.replace("wss:", "ws:"), "wss://"),
                  ("wss://127.0.0.1:%d" % Target(
                      lambda c: c.recv(9) and c.sendall(
                          b"HTTP/1.1 400 No\r\n\r\n")).port,
                   "does not speak TLS")):
    r = run([OBJ + "/accessctl", "connect", "--relay", url, "pi", "22"],
            env=stranger)
    ok(r.returncode == 8 and re.search(want, r.stderr),
       "said of " + url.split(":")[0] + ": " + want, r.stderr)

# agentd says it and goes on trying
other = Agent(relay, "other", token=node, ca=False, wait=False,
              extra="pin \"%s\"" % bad)
ok(other.proc.wait_line("pin.*next attempt"),
   "agentd: a wrong pin is in its log", other.proc.text())
ok(not node_online(relay, "other"), "and it does not log in")
other.stop()

# what the command line shows
p = subprocess.Popen([OBJ + "/agentd", "-d", "--relay-url", relay.url +
                      "/ws_for_edge_agents", "--name", "args", "--secret",
                      node, "--ca", make_ca(), "-f", "/dev/null"],
                     stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                     text=True)
ok(wait_for(lambda: node_online(relay, "args")),
   "agentd with an older URL and --secret")
everything = [p.pid] + kids(p.pid)
ok(not any("culv_" in cmdline(x) for x in everything),
   "its secret is out of sight of ps")
p.send_signal(signal.SIGTERM)
p.wait(10)
p = subprocess.Popen([OBJ + "/agentd", "-d", "--ca", make_ca(), "-f",
                      "/dev/null"], stdin=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL, env=dict(
                         os.environ, SERVER_HOST="localhost",
                         SERVER_PORT=str(relay.port), PAT_TOKEN=node,
                         HTTP_NETWORK_RELAY_NAME="envs", PING_INTERVAL="5"))
ok(wait_for(lambda: node_online(relay, "envs")),
   "agentd by its environment alone")
seen = b""
for x in [p.pid] + kids(p.pid):
    try:
        with open("/proc/%d/environ" % x, "rb") as f:
            seen += f.read()
    except OSError:
        pass
ok(node.encode() not in seen, "no process keeps the token in its environment")
p.send_signal(signal.SIGTERM)
p.wait(10)

# log-in, kept in a file
home = path("home3")
r = run([OBJ + "/accessctl", "login", "--relay", relay.url, "--ca",
         make_ca(), "--from-file", tok], env=dict(
             os.environ, XDG_CONFIG_HOME=home))
kept = home + "/culvert/accessctl.login"
ok(r.returncode == 0 and os.stat(kept).st_mode & 0o777 == 0o600,
   "accessctl login keeps a file of mode 0600", r.stderr)
r = run([OBJ + "/accessctl", "login", "--relay", relay.url, "--ca",
         make_ca(), "--from-stdin"], input=token[:-1] + "x\n", env=dict(
             os.environ, XDG_CONFIG_HOME=path("home4")))
ok(r.returncode != 0 and not os.path.exists(path("home4") +
                                            "/culvert/accessctl.login"),
   "and nothing for a token with a typing error", r.stderr)
r = run([OBJ + "/accessctl", "nodes", "--relay", relay.url, "--ca",
         "/etc/passwd", "--token-file", tok])
ok(r.returncode == 1 and "ca /etc/passwd: " in r.stderr,
   "a CA file without a certificate is named", r.stderr)

# What can't be right is refused at once, and not kept untried either.
for args, word in ((("--relay", "garbage://x"), "relay garbage://x: "),
                   (("--relay", ""), "relay : "),
                   (("--relay", relay.url, "--pin", "x"), "pin x: ")):
    r = run([OBJ + "/accessctl", "login", *args, "--no-check", "--from-file",
             tok], env=dict(os.environ, XDG_CONFIG_HOME=path("home4")))
    ok(r.returncode == 2 and word in r.stderr and not os.path.exists(
        path("home4") + "/culvert/accessctl.login"),
       "accessctl login " + " ".join(args), r.stderr)
user = ordinary_user() if ROOT else None
home = path("home5")
os.mkdir(home)
if user:
    shutil.chown(home, user)


def agentd_login(name, *args):
    return run([OBJ + "/agentd", "login", "--relay", relay.url, "--ca",
                make_ca(), "--name", name, "--from-stdin", *args],
               input=relay.token("node") + "\n", user=user,
               env=dict(os.environ, XDG_CONFIG_HOME=home))


kept = home + "/culvert/agentd.login"
for name in ("Bad Name", "", "-x", "a" * 64):
    r = agentd_login(name, "--no-check")
    ok(r.returncode == 2 and "a node's name is of" in r.stderr and
       not os.path.exists(kept), "agentd login --name '%s'" % name[:9],
       r.stderr)
r = agentd_login("Shed")
ok(r.returncode == 0 and 'name "shed"' in open(kept).read(),
   "one with capitals is what agentd makes of it", r.stderr)
done()
