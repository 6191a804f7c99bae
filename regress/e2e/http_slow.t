#!/usr/bin/env python3
# tags: slow
"""The http door's patience: visitors that are slow with heads, bodies and
reading, backends that are slow to answer or fall silent, nodes that are away
for a moment, and how many may come from one address."""
import asyncio
import sys
import threading
sys.path.insert(0, "regress/e2e")
from http_site import *
import http_runner
from http_backend import Backend
from http_case import OK, post, raw, req
from http_steps import Case, Gone, Got, Ours, Partial, Sleep, Whole
from http_way import Relaid, one_listener

PER_ADDR = 20
relay = Sites("""limit {
    handshake timeout 4s
    idle timeout 3s
    http response timeout 5s
    http idle timeout 5s
    http body rate 1000
    http connections per address %d
}""" % PER_ADDR, prefork=1)
backend = Backend()
agent = Agent(relay, "pia", extra="http backend \"http://127.0.0.1:%d\"" %
              backend.port)
relay.public("pia")

CASES = []


def case(group, name, send, **kw):
    kw.setdefault("cuts", ("whole",))
    CASES.append(Case(group, name, send, **kw))


def drip(text, n, pause):
    """A text in so many pieces with pauses."""
    text = text.replace(b"<host>", b"pia.relay.localhost")
    size = -(-len(text) // n)
    out = []
    for i in range(0, len(text), size):
        out += [text[i:i + size], Sleep(pause)]
    return out


EVENTS = b"Content-Type: text/event-stream"
case(15, "a head that never ends is ended as a whole, not read by read",
     drip(req(b"/", *[b"X-%d: y" % i for i in range(60)]), 200, 0.1),
     see=[], get=[Ours(408)], fate="close")
case(15, "a head that comes slowly, but in time", drip(req(), 10, 0.1))
case(15, "a second head that never ends",
     [req(), Whole()] + drip(req(b"/", *[b"X-%d: y" % i for i in range(60)]),
                             200, 0.1),
     see=[req()], answer=[OK], get=[OK, Ours(408)], fate="close",
     methods=[b"GET"] * 2)
case(15, "a body slower than it may be",
     drip(post(b"b" * 20000), 100, 0.5), see=[], get=[Ours(408)],
     fate="close", partial=True, methods=[b"POST"])
case(15, "a body that is slow, but not too slow",
     drip(post(b"b" * 70000), 70, 0.5))
case(15, "the rest of a body that never comes, behind its answer",
     [post(b"b" * 100)[:-50], Whole()], see=[], partial=True, early=True,
     fate="close", answer=[[Got(1), OK, Gone(60)]], get=[OK],
     methods=[b"POST"])
case(15, "a backend that reads slowly is not the visitor's fault",
     post(b"b" * 3000000), answer=[[Sleep(4), OK]])
case(36, "a backend that never answers", req(), answer=[[Gone(30)]],
     get=[Ours(504)], fate=None)
case(36, "a backend that stops in the middle", req(),
     answer=[[raw(b"Content-Length: 9", body=b"abc"), Gone(30)]],
     get=[Partial()], fate="abort")
case(32, "a response that trickles is not cut", req(),
     answer=[[raw(EVENTS, b"Transfer-Encoding: chunked",
                  body=b"1\r\na\r\n")] + [Sleep(2), b"1\r\nb\r\n"] * 5 +
             [b"0\r\n\r\n"]])
case(32, "nor is an upload while it flows, slow as the answer may be",
     drip(post(b"b" * 20000), 20, 0.5), early=True,
     answer=[[Whole(), Sleep(2), OK]])
case(33, "a quiet connection ends after a while, in order",
     [req(), Whole(), Sleep(1), req(b"/2"), Whole(2)], fate="close",
     answer=[OK, OK], get=[OK, OK])

try:
    made = asyncio.run(http_runner.run_all(
        CASES, Relaid(relay.plain, relay.port, client_context(),
                      ["pia", "pia"], one_listener), backend, 1,
        [(False, False), (True, False)]))
except KeyboardInterrupt:
    raise SystemExit(1)
for c in CASES:
    http_runner.report(c, made[c])

# ---- how many from one address ----
node = NodeServer()
agent.stop()
agent = Agent(relay, "pi", extra="http backend \"http://127.0.0.1:%d\"" %
              node.port)
relay.public()
ok(relay.serves(), "the site answers")


def ask(source, target="/events?every=1000&count=60"):
    s = socket.socket()
    s.settimeout(60)
    s.bind((source, 0))
    s.connect(("127.0.0.1", relay.plain))
    s.sendall(b"GET %s HTTP/1.1\r\nHost: pi.relay.localhost\r\n\r\n" %
              target.encode())
    return s, s.recv(4096)


s = client_context().wrap_socket(
    socket.create_connection(("127.0.0.1", relay.port), 60),
    server_hostname="pi.relay.localhost", suppress_ragged_eofs=False)
s.sendall(b"GET / HTTP/1.1\r\nHost: pi.relay.localhost\r\n\r\n")
b = b""
try:
    while b"hello" not in b:
        b += s.recv(4096)
    b = s.recv(4096)
except OSError as e:
    b = e
eq(b, b"", "a quiet connection of TLS is ended in order")
some = [ask("127.5.5.5") for _ in range(PER_ADDR)]
ok(all(b.startswith(b"HTTP/1.1 200") for _, b in some),
   "as many as may come from one address", [b[:60] for _, b in some])
s, b = ask("127.5.5.5")
ok(re.match(rb"HTTP/1.1 (429|503)", b) and b"culvert-error" in b.lower(),
   "one more is refused", b)
s.close()
s, b = ask("127.5.5.6")
ok(b.startswith(b"HTTP/1.1 200"), "another address is not", b)
s.close()
some.pop()[0].close()
r = wait_for(lambda: ask("127.5.5.5", "/")[1].startswith(b"HTTP/1.1 200"), 20,
             0.3)
ok(r, "when one has left there is room again")
for s, _ in some:
    s.close()

# ---- a node that is away for a moment ----
got = {}


def visit():
    t = time.monotonic()
    got["r"] = curl(relay.site())
    got["s"] = time.monotonic() - t


for _ in range(3):
    agent.proc.kill()
    wait_for(lambda: not agent.proc.alive())
    t = threading.Thread(target=visit)
    t.start()
    agent.start()
    t.join()
    ok(got["r"].code == 200 or (got["r"].code == 503 and
                                got["r"].field("retry-after")),
       "away for a moment: it waits, or is told when to come again", got)
    print("# HTTP %d after %.1f s" % (got["r"].code, got["s"]))
    ok(relay.serves(), "and then it is served")
done()
