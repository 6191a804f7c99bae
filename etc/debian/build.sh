#!/bin/sh
# usage: build.sh VERSION
# Builds the Debian packages of what is in this folder, into obj-deb/.
set -eu
cd "$(dirname "$0")/../.."
version=$1
top=obj-deb/culvert-$version
rm -rf "$top"
mkdir -p "$top"
if git rev-parse --git-dir >/dev/null 2>&1; then
	git ls-files --cached --others --exclude-standard
else
	find . -type f ! -path './obj*' ! -name config.mk
fi | tar -c -T - | tar -x -C "$top"
cp -r etc/debian "$top/debian"
rm "$top/debian/build.sh"
cat >"$top/debian/changelog" <<EOF
culvert ($version) unstable; urgency=medium

  * What CHANGES says of this version.

 -- The Culvert authors <culvert@example.org>  $(date -R -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}")
EOF
mkdir "$top/debian/source"
echo '3.0 (native)' >"$top/debian/source/format"
(cd "$top" && dpkg-buildpackage -us -uc -b -j2) >obj-deb/log 2>&1 || {
	tail -n 40 obj-deb/log >&2
	exit 1
}
rm -rf "$top"
for deb in obj-deb/*_"${version}"_*.deb; do
	printf '%-8s %s\n' deb "$deb"
done
