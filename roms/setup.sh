#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the missing Debian packages of those that list files name; does not call apt if all are there.
# Usage: setup.sh LIST...     a list has a package on each line; the rest of the line is a remark.
# Root installs directly, another user through sudo; without sudo it names the packages that are missing and fails.
set -eu

[ $# -gt 0 ] || { echo "usage: setup.sh LIST..." >&2; exit 1; }

missing=
for package in $(sed 's/#.*//' "$@" | awk 'NF { print $1 }'); do
    status=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | head -n 1) || status=
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "setup.sh: these packages are missing and only root can install them; as root run:" >&2
        echo "    apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "Installing:$missing"
$as_root apt-get -q update
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing ||
    { echo "setup.sh: apt could not install:$missing" >&2; exit 1; }
