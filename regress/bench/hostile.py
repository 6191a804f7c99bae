#!/usr/bin/env python3
"""make bench-hostile: N (2000) connections that nobody has logged in on, a
quarter each silent, a byte at a time, stopped within their hello, and silent
after all of it: what they cost in memory, when the last is gone, and how long
a request of somebody else takes beside them.  KIND=0..3: all of that kind."""
import os
import selectors
import ssl
import statistics
import sys
import time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from measure import *

N = number("N", 2000)
KIND = number("KIND", -1)
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(32)


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def whole_hello():
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = CONTEXT.wrap_bio(there, here, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return here.read()


resource.setrlimit(resource.RLIMIT_NOFILE,
                   (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
# A source may have all of them: what is measured is what they cost.
relay = Relay(prefork=number("PREFORK", 2))


def memory():
    return pss(tree(relay.proc).values())


def ask():
    """Seconds of a whole request: connect, TLS, answer."""
    t0 = time.monotonic()
    st = http_get(relay.port, "/health")[0]
    if st != 200:
        raise SystemExit("a request got %d" % st)
    return time.monotonic() - t0


def p99(v):
    return sorted(v)[len(v) * 99 // 100] * 1000


alone = [ask() for _ in range(200)]
m0 = memory()
start, conns, ears = time.monotonic(), {}, selectors.DefaultSelector()
for i in range(N):
    s = socket.socket()
    s.bind(("127.0.%d.%d" % (i % 100 // 10, 2 + i % 10), 0))
    s.connect(("127.0.0.1", relay.port))
    s.setblocking(False)
    kind = i % 4 if KIND < 0 else KIND
    conns[s] = (kind, time.monotonic())
    ears.register(s, selectors.EVENT_READ)
    if kind >= 2:
        s.send(HELLO if kind == 2 else whole_hello())
opened = time.monotonic() - start
beside, lives, sent, top = [], [], 0, 0


def bury():
    for s in [key.fileobj for key, _ in ears.select(0)]:
        try:
            over = s.recv(16384) == b""
        except BlockingIOError:
            over = False
        except OSError:
            over = True
        if over:
            lives.append(time.monotonic() - conns[s][1])
            del conns[s]
            ears.unregister(s)
            s.close()


while conns and time.monotonic() < start + 120:
    for s, (kind, born) in list(conns.items()):
        if kind == 1:
            try:
                s.send(HELLO[sent % len(HELLO):][:1])
            except OSError:
                pass
    sent += 1
    bury()
    if sent % 20 == 1 and time.monotonic() < start + 9:
        top = max(top, memory())
    beside.append(ask())
    bury()
    time.sleep(0.02)
print("%d connections made in %.1f s; not ended: %d" % (N, opened,
                                                       len(conns)))
print("memory of relayd for one, at most (PSS)   %8.1f KiB" % ((top - m0) / N))
print("one lives: median, longest                %8.1f s %8.1f s" % (
    statistics.median(lives), max(lives)))
print("a request, alone: median, p99             %8.1f ms %7.1f ms" % (
    statistics.median(alone) * 1000, p99(alone)))
print("a request beside them: median, p99        %8.1f ms %7.1f ms" % (
    statistics.median(beside) * 1000, p99(beside)))
print(load_average())
