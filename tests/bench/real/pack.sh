#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds a Debian package with the file `data` of the current folder, unpacks it again, and lists the installed packages.
set -eu
mkdir -p pack/DEBIAN
cp data pack/
printf '%s\n' 'Package: pack' 'Version: 1' 'Architecture: all' 'Maintainer: none <none@invalid>' 'Description: none' \
    >pack/DEBIAN/control
dpkg-deb --root-owner-group -b pack pack.deb
dpkg-deb -x pack.deb unpacked
cmp data unpacked/data
dpkg-query -W >packages
