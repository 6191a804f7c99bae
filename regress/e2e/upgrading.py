"""A relay whose binary can be replaced, and what must not notice."""
import hashlib
import os
import shutil
import socket
import threading
import time

from culvert import *


def install(name, what=OBJ + "/relayd"):
    """The program as a file of its own, replaced as a package would do it."""
    os.makedirs(path("bin"), exist_ok=True)
    os.chmod(path("bin"), 0o755)
    shutil.copy(what, path("bin/.new"))
    os.chmod(path("bin/.new"), 0o755)
    os.rename(path("bin/.new"), path("bin/" + name))


class Installed(Relay):
    """A relay whose binary can be replaced."""

    def __init__(self, name, env=None, **kw):
        self.env = env
        install("relayd")
        super().__init__(name=name, **kw)

    def start(self, wait=True):
        self.proc = Proc(self.name, [path("bin/relayd"), "-d", "-f",
                                     self.conf, *self.args], user=self.user,
                         env=self.env)
        if wait and not self.proc.wait_line(r"serves on", 30):
            self.proc.show()
            raise SystemExit("relayd did not start")
        return self

    def status(self):
        return self.json("upgrade", "--status") or {}

    def listeners(self):
        return sorted(k for k in self.children() if k.startswith("listener"))

    def drained(self, seconds=60):
        return wait_for(lambda: self.status().get("listeners") == 0, seconds,
                        0.2)


class Pump:
    """A stream with bytes both ways, slowly and for as long as we like."""

    def __init__(self, env, port, node="pi"):
        self.c = Connect(env, node, port)
        self.sent = hashlib.sha256()
        self.got = hashlib.sha256()
        self.n = self.m = 0
        self.go = True
        self.w = threading.Thread(target=self.write, daemon=True)
        self.r = threading.Thread(target=self.read, daemon=True)
        self.w.start()
        self.r.start()

    def write(self):
        try:
            while self.go:
                b = os.urandom(8192)
                self.c.p.stdin.write(b)
                self.c.p.stdin.flush()
                self.sent.update(b)
                self.n += len(b)
                time.sleep(0.002)
            self.c.p.stdin.close()
        except (OSError, ValueError):       # it is gone, or closed
            pass

    def read(self):
        while True:
            b = os.read(self.c.p.stdout.fileno(), 65536)
            if not b:
                return
            self.got.update(b)
            self.m += len(b)

    def moves(self, seconds=20):
        m = self.m
        return wait_for(lambda: self.m > m + 65536, seconds)

    def end(self):
        self.go = False
        self.w.join(20)
        self.r.join(20)
        status = self.c.p.wait(20)
        return (status, self.n == self.m and
                self.sent.digest() == self.got.digest())


class Hammer:
    """New connections, new links and new streams, all the time."""

    def __init__(self, relay, env, port, forward, node="pi"):
        self.relay, self.env, self.port, self.fwd = relay, env, port, forward
        self.node = node
        self.stop = False
        self.done = {"tls": 0, "link": 0, "stream": 0}
        self.failed = []
        self.slowest = 0.0
        self.threads = [threading.Thread(target=self.run, args=(k, f),
                                         daemon=True)
                        for k, f, n in (("tls", self.tls, 2),
                                        ("link", self.link, 2),
                                        ("stream", self.stream, 3))
                        for _ in range(n)]
        for t in self.threads:
            t.start()

    def run(self, kind, f):
        while not self.stop:
            since = time.monotonic()
            try:
                why = f()
            except OSError as e:
                why = repr(e)
            self.slowest = max(self.slowest, time.monotonic() - since)
            if why:
                self.failed.append("%s: %s" % (kind, why))
            self.done[kind] += 1

    def tls(self):
        with socket.create_connection(("127.0.0.1", self.relay.port),
                                      20) as s:
            if self.relay.tls:
                s = client_context().wrap_socket(
                    s, server_hostname="localhost")
            s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
                      b"Connection: close\r\n\r\n")
            b = b""
            while True:
                x = s.recv(4096)
                if not x:
                    break
                b += x
            s.close()
        return None if b.startswith(b"HTTP/1.1 200") else b[:60]

    def link(self):
        data = os.urandom(100)
        st, out, err = Connect(self.env, self.node, self.port).end(data, 30)
        return None if (st, out) == (0, data) else "%d %s" % (st, err)

    def stream(self):
        data = os.urandom(1000)
        with socket.create_connection(("127.0.0.1", self.fwd), 20) as s:
            s.settimeout(30)
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            b = b""
            while True:
                x = s.recv(4096)
                if not x:
                    break
                b += x
        return None if b == data else "%d bytes of 1000" % len(b)

    def end(self):
        self.stop = True
        for t in self.threads:
            t.join(60)


def upgraded(relay, *args):
    r = relay.ctl("upgrade", *args, timeout=120)
    return ok(r.returncode == 0, "accessctl upgrade %s" % " ".join(args),
              r.stderr + r.stdout)


def zombies(pid):
    return [k for k in kids(pid) if not alive(k)]
