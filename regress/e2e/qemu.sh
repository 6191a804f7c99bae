#!/bin/sh
# usage: qemu.sh PROGRAM ARGUMENT ...
# Runs a program of another architecture, and what it executes, by qemu-user.
# The kernel is told how in a user namespace of its own, as an ordinary user
# in which the program then runs: nothing outside notices.
set -eu
if [ "${QEMU_STAGE-}" = "" ]; then
	QEMU_STAGE=register exec unshare --user --map-root-user --mount \
	    "$0" "$@"
fi
misc=/proc/sys/fs/binfmt_misc
# register NAME FIRST-BYTES-OF-THE-FILE QEMU: of 20 bytes of an ELF header
# all count but the system it was made for and whether it is of fixed address
register() {
	mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
	echo ":$1:M::$2:$mask:$(command -v "$3"):F" >$misc/register
}
mount -t binfmt_misc none $misc
z='\x00\x00\x00\x00\x00\x00\x00\x00\x00'
register arm64 "\\x7fELF\\x02\\x01\\x01$z\\x02\\x00\\xb7\\x00" qemu-aarch64-static
register armhf "\\x7fELF\\x01\\x01\\x01$z\\x02\\x00\\x28\\x00" qemu-arm-static
register mipsel "\\x7fELF\\x01\\x01\\x01$z\\x02\\x00\\x08\\x00" qemu-mipsel-static
exec unshare --user --map-user=65534 --map-group=65534 "$@"
