"""The file through which tests tell regress/fault/seam.c what shall fail."""
import errno
import mmap
import os
import struct

from culvert import *

FAULT_OBJ = os.path.join(TOP, os.environ.get("CULVERT_FAULT_OBJ",
                                             "obj-fault"))
KINDS = ("relayd keys auth router listener agentd tunnel proxy "
         "accessctl").split()
CALLS = "malloc write read sync pwrite open socket".split()
ERRORS = {
    "malloc": [errno.ENOMEM],
    "write": [errno.EIO, errno.ENOBUFS, errno.ECONNRESET],
    "read": [errno.EIO, errno.ECONNRESET],
    "sync": [errno.EIO],
    "pwrite": [errno.ENOSPC, errno.EIO],
    "open": [errno.EMFILE, errno.EIO],
    "socket": [errno.EMFILE, errno.ENFILE],
}
_HEAD = struct.Struct("=IIIIQQQQq")
_MADE = 8 * len(KINDS) * len(CALLS)
_OUTER, _WAYS = 8, 65536


class Faults:
    def __init__(self):
        size = _HEAD.size + _MADE + 8 * (1 + _OUTER + _WAYS)
        name = write("faults", "", 0o666)
        os.truncate(name, size)
        os.environ["CULVERT_FAULT"] = name
        with open(name, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), size)

    def arm(self, kind, call, at, times=1, error=None, slow=0):
        self.disarm()
        _HEAD.pack_into(self.map, 0, KINDS.index(kind), CALLS.index(call),
                        error or ERRORS[call][0], slow, at, 0, 0, 0, 0)
        struct.pack_into("=Q", self.map, 24, times)     # the last word

    def disarm(self):
        struct.pack_into("=Q", self.map, 24, 0)

    def slow(self, on):
        struct.pack_into("=I", self.map, 12, on)

    def clock(self, seconds):
        """Put the wall clock on by so much, of all processes at once."""
        struct.pack_into("=q", self.map, 48, seconds)

    def fresh(self, inner):
        """Only what comes a way that was not tried shall fail (and be
        counted): one that differs in the program's calls, or in so many of
        the innermost.  0: any call again."""
        struct.pack_into("=Q", self.map, _HEAD.size + _MADE, inner)

    def forget(self):
        """No way was tried."""
        self.map[_HEAD.size + _MADE + 8:] = bytes(8 * (_OUTER + _WAYS))

    def way(self, program):
        """The program's functions that led to what failed last."""
        at = struct.unpack_from("=%dQ" % _OUTER, self.map,
                                _HEAD.size + _MADE + 8)
        r = run(["addr2line", "-fse", program,
                 *("%#x" % (x - 1) for x in at if x)])
        out = r.stdout.split()
        return " < ".join("%s %s" % x for x in zip(out[::2], out[1::2])
                          if "seam.c" not in x[1])

    @property
    def fired(self):
        return struct.unpack_from("=Q", self.map, 40)[0]

    def made(self):
        """{(kind, call): how many}, since the beginning."""
        v = struct.unpack_from("=%dQ" % (len(KINDS) * len(CALLS)), self.map,
                               _HEAD.size)
        return {(k, c): v[i * len(CALLS) + j] for i, k in enumerate(KINDS)
                for j, c in enumerate(CALLS)}
