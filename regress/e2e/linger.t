#!/usr/bin/env python3
"""The relay closes a client's link in order while what came by it still waits
for who reads it, as an upgrade does: it gets there, and that was all."""
import subprocess
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

LENGTH = 200000         # more than a pipe holds, less than a window


def sends(c):
    c.sendall(bytes(LENGTH))


relay = Relay(prefork=1, extra="upgrade spread 1s\nlog verbose")
relay.user_add()
agent = Agent(relay)
env = login(relay)
target = Target(sends)
p = subprocess.Popen([OBJ + "/accessctl", "connect", "pi", str(target.port)],
                     env=env, stdin=subprocess.DEVNULL,
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
ok(relay.proc.wait_line("stream .*: down: .* %d bytes" % LENGTH),
   "all of a stream is on its way")
r = relay.ctl("upgrade", timeout=120)
ok(r.returncode == 0, "an upgrade", r.stderr)
ok(relay.proc.wait_line("client .*: link down", 60), "ends the client's link")
out, err = p.communicate(timeout=60)
eq(len(out), LENGTH, "all is read")
eq((p.returncode, err), (0, b""), "and that was all")
done()
