#!/usr/bin/env python3
# tags: slow long no-asan
"""The static agentd, on each architecture it is built for: it links, carries
a stream, and closes its sandbox where there is one to close."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from culvert import *  # noqa: E402,F403

ARCHES = ["amd64", "arm64", "armhf", "mipsel"]
NATIVE = subprocess.check_output(["dpkg", "--print-architecture"],
                                 text=True).strip()
QEMU = TOP + "/regress/e2e/qemu.sh"

built = run([os.environ.get("MAKE", "make"), "-C", TOP, "static-agent"],
            timeout=500)
if not ok(built.returncode == 0, "make static-agent"):
    print(built.stdout + built.stderr, file=sys.stderr)
for line in built.stdout.splitlines():
    if line.startswith("static "):
        print("# " + line)

relay = Relay(prefork=2)
relay.user_add()
echoer = Target(echo)
env = login(relay)
data = os.urandom(300000)

for arch in ARCHES:
    program = "%s/obj-static/agentd-%s" % (TOP, arch)
    kind = run(["file", "-L", program]).stdout
    ok("statically linked" in kind or "static-pie" in kind,
       "%s: needs no shared library" % arch, kind)
    wrap = [] if arch == NATIVE else [QEMU]
    agent = Agent(relay, name="pi-" + arch, program=wrap + [program],
                  user="nobody")
    c = Connect(env, "pi-" + arch, "localhost", echoer.port)
    status, out, err = c.end(data, 60)
    ok(status == 0 and out == data, "%s: a stream through it" % arch, err)
    c = Connect(env, "pi-" + arch, "192.0.2.1", 22)
    eq(c.end(b"", 60)[0], 5, "%s: its rules hold" % arch)
    agent.stop()
done()
