#!/usr/bin/env python3
"""make bench-slowpath: how long a byte takes to a device and back, alone and
beside a download from it, when the device sends through RATE (2) Mbit/s.  As
root, in a network of its own, which tc(8) makes slow."""
import os
import socket
import statistics
import subprocess
import sys
import time
if os.geteuid() != 0:
    raise SystemExit("make bench-slowpath: only root may make a slow path")
if os.environ.get("SLOWPATH") != "inside":
    os.environ["SLOWPATH"] = "inside"
    os.execvp("unshare", ["unshare", "-n", sys.executable] + sys.argv)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from measure import *

RATE = number("RATE", 2)
SECONDS = number("SECONDS", 10)

# Packets as on a network; all that goes to the relay's port is slow.
SLOW = """
ip link set lo up
ip link set lo mtu 1500
ip link set lo gso_max_segs 1
tc qdisc add dev lo root handle 1: htb default 1 r2q 10000
tc class add dev lo parent 1: classid 1:1 htb rate 10gbit quantum 60000
tc class add dev lo parent 1: classid 1:2 htb rate %dmbit burst 4k cburst 4k quantum 1500
tc filter add dev lo parent 1: protocol ip u32 match ip dport %d 0xffff \
flowid 1:2
"""


def bulk(c):
    try:
        while True:
            c.sendall(bytes(65536))
    except OSError:
        pass


def round_trips(port, seconds):
    """ms, of one byte after the other."""
    took = []
    with socket.create_connection(("127.0.0.1", port)) as s:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            t0 = time.monotonic()
            s.sendall(b"x")
            if s.recv(1) != b"x":
                raise SystemExit("the stream has ended")
            took.append((time.monotonic() - t0) * 1000)
            time.sleep(0.02)
    took.sort()
    return (statistics.median(took), took[len(took) * 99 // 100])


def drain(s, until):
    """What comes until then, bytes."""
    n = 0
    s.settimeout(1)
    while time.monotonic() < until:
        try:
            n += len(s.recv(1 << 16))
        except socket.timeout:
            pass
    return n


subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
relay = Relay(prefork=1, extra="publish ports 1-65535 on 127.0.0.1 by any\n")
relay.user_add()
subprocess.run(["sh", "-ec", SLOW % (RATE, relay.port)], check=True)
agent = Agent(relay)
ports = []
for serve in (echo, bulk):
    ports.append(free_port())
    relay.ctl("publish", "add", "127.0.0.1:%d/tcp" % ports[-1],
              "pi:127.0.0.1:%d" % Target(serve).port)
print("device sends through %d Mbit/s            p50      p99  ms" % RATE)
print("a byte and back, alone             %8.1f %8.1f" %
      round_trips(ports[0], 3))
down = socket.create_connection(("127.0.0.1", ports[1]))
began = time.monotonic()
results = []
thread = threading.Thread(target=lambda: results.append(
    round_trips(ports[0], SECONDS)))
drain(down, began + 5)
thread.start()
t0 = time.monotonic()
got = drain(down, t0 + SECONDS)
thread.join()
print("beside a download                  %8.1f %8.1f" % results[0])
print("that download                      %8.2f Mbit/s" %
      (got * 8 / SECONDS / 1e6))
print(load_average())
