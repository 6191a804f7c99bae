"""The ways that a visitor may come: through a relay, by the one listener or the
other, or straight to a port."""

import asyncio
import os
import socket
import struct
import time

from http_wire import Wire


class Relaid:
    """Ports of a relay, and a node on each listener."""

    def __init__(self, plain, tls_port, context, nodes, listener_of):
        self.ports = {False: plain, True: tls_port}
        self.context, self.nodes = context, nodes
        self.listener_of = listener_of

    async def dial(self, run):
        case = run.case
        # Which node is the right one shows when the connection is there.
        s = Wire(socket.socket())
        s.sock.setblocking(False)
        s.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if case.rcvbuf:
            s.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                              case.rcvbuf)
        s.sock.bind((run.addr, 0))
        await s.loop.sock_connect(s.sock, ("127.0.0.1", self.ports[run.tls]))
        where = await self.listener_of(s.sock)
        run.node = self.nodes[where ^ run.cross]
        run.other = self.nodes[1 - (where ^ run.cross)]
        run.host = run.node + ".relay.localhost"
        if case.service:
            run.host = "%s--%s" % (case.service, run.host)
        if run.tls:
            await s.handshake(self.context, self.name(run))
        return s

    def name(self, run):
        sni = run.case.sni
        return run.fill(sni).decode() if sni else run.host


async def one_listener(sock):
    return 0


class Straight:
    """A proxy of another make, or the backend itself: to try the runner."""

    def __init__(self, port):
        self.port = port

    async def dial(self, run):
        run.node, run.other, run.host = "pia", "pib", "pia.relay.localhost"
        return await Wire.dial(("127.0.0.1", self.port), run.addr)


class Listeners:
    """Which listener of two has a connection: by the sockets of their
    processes."""

    def __init__(self, pids):
        self.pids, self.known = pids, {}

    def scan(self):
        self.known.clear()
        for i, pid in enumerate(self.pids):
            d = "/proc/%d/fd" % pid
            for fd in os.listdir(d):
                try:
                    t = os.readlink("%s/%s" % (d, fd))
                except OSError:
                    continue
                if t.startswith("socket:["):
                    self.known[int(t[8:-1])] = i

    def inode(self, local, remote):
        """The inode of the relay's end of a connection."""
        want = "%s %s" % (hex_addr(*remote), hex_addr(*local))
        with open("/proc/net/tcp") as f:
            for line in f:
                if want in line:
                    return int(line.split()[9])
        return 0

    async def __call__(self, sock):
        me, other = sock.getsockname(), sock.getpeername()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            ino = self.inode(me, other)
            if ino:
                if ino not in self.known:
                    self.scan()
                if ino in self.known:
                    return self.known[ino]
            await asyncio.sleep(0.005)
        raise RuntimeError("no listener has %r" % (me,))


def hex_addr(host, port):
    return "%08X:%04X" % (struct.unpack("=I", socket.inet_aton(host))[0],
                          port)
