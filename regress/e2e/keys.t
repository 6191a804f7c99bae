#!/usr/bin/env python3
# tags: no-asan
"""No private key in a listener, and no secret in what one receives."""
import base64
import os
import socket
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

if not ROOT:
    skip_all("reading another process's memory takes root")


def memory_has(pid, needles):
    """Which of the byte strings are anywhere in the process's memory."""
    found = set()
    with open("/proc/%d/maps" % pid) as f:
        maps = [m.split() for m in f]
    with open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for m in maps:
            lo, hi = (int(x, 16) for x in m[0].split("-"))
            if "r" not in m[1] or m[-1] in ("[vvar]", "[vsyscall]") or \
                    m[-1].startswith("[vvar"):
                continue
            tail = b""
            while lo < hi:
                n = min(hi - lo, 16 << 20)
                try:
                    mem.seek(lo)
                    b = tail + mem.read(n)
                except (OSError, ValueError, OverflowError):
                    break
                for name, s in needles.items():
                    if s in b:
                        found.add(name)
                tail = b[-4096:]
                lo += n
    return found


def numbers(key):
    """The secret numbers of a key, both byte orders, and its PEM text."""
    text = subprocess.run(["openssl", "pkey", "-in", key, "-noout",
                           "-text"], check=True, capture_output=True,
                          text=True).stdout
    out, name, hexs = {}, None, ""
    for line in text.splitlines() + ["end:"]:
        m = re.match(r"^(\w[\w ]*):", line)
        if m:
            if name in ("priv", "privateExponent", "prime1", "prime2",
                        "exponent1"):
                b = bytes.fromhex(hexs).lstrip(b"\0")
                out[name] = b
                out[name + " reversed"] = b[::-1]
            name, hexs = m[1], ""
        elif name:
            hexs += line.strip().replace(":", "")
    with open(key) as f:
        body = "".join(x.strip() for x in f if "-----" not in x)
    out["pem"] = body[20:60].encode()
    return out


make_ca()
certs = [make_cert("ec"), make_cert("rsa", "DNS:rsa.localhost", "rsa")]
relay = Relay(prefork=1, certs=certs)
kids_ = relay.children()

# both certificates are served, by SNI, in both versions of TLS
for name, kind in (("localhost", "ec"), ("rsa.localhost", "rsa")):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        ctx = client_context()
        ctx.minimum_version = ctx.maximum_version = version
        with socket.create_connection(("127.0.0.1", relay.port), 10) as s:
            with ctx.wrap_socket(s, server_hostname=name) as t:
                der = t.getpeercert(True)
                c = t.cipher()
        with open(path("tls/%s.pem" % kind)) as f:
            ok(ssl.PEM_cert_to_DER_cert(f.read()) == der,
               "%s with %s gets the %s certificate (%s)" % (
                   name, version.name, kind, c[0]))

relay.user_add()
node = relay.token("node")
agent = Agent(relay, token=node)
for name, key in (("ECDSA", path("tls/ec.key")), ("RSA", path("tls/rsa.key"))):
    needles = numbers(key)
    found = memory_has(kids_["listener"], needles)
    eq(found, set(), "nothing of the %s key is in the listener" % name)
    found = memory_has(kids_["keys"], needles)
    ok(found, "and the same search finds it in the keys process", found)
for other in ("auth", "router"):
    eq(memory_has(kids_[other], numbers(path("tls/ec.key"))), set(),
       "nor is it in " + other)

# The parent has read the key files; it must not keep them for ever longer
# than a restart of keys needs.  What matters is who can be reached.
ok("listener" in kids_ and "keys" in kids_, "they are processes apart")

# ---- everything that a listener receives, recorded on the wire ----
plain = Relay("plain", tls=False, prefork=1)
plain.user_add()
seen = []


def note(data, up):
    seen.append(data)
    return data


wire = Between(plain.port, note)
url = "ws://localhost:%d" % wire.port
node, conn = plain.token("node"), plain.token("connect")
agent2 = Agent(plain, "tapped", token=node, url=url)
target = Target(echo)
e = dict(os.environ, RELAY_URL=url, RELAY_TOKEN=conn)
st, out, err = Connect(e, "tapped", target.port).end(b"data")
eq((st, out), (0, b"data"), "agentd and accessctl work through the tap")
blob = b"".join(seen)
ok(len(blob) > 500, "the tap saw it all")


def secrets(token):
    secret = token.split("_")[2]
    raw = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    return [token.encode(), secret.encode(), raw, raw.hex().encode(),
            base64.b64encode(raw), base64.urlsafe_b64encode(raw).rstrip(b"=")]


for name, token in (("agentd", node), ("accessctl", conn)):
    ok(not any(s in blob for s in secrets(token)),
       "the secret of %s's token was never sent, in no form" % name)
    ok(token.split("_")[1].encode() in blob, "its public id was")
ok(not memory_has(plain.children()["listener"],
                  {"seed": secrets(node)[2], "text": secrets(node)[1]}),
   "nor is it in the listener's memory")
done()
