#!/bin/sh
# SPDX-License-Identifier: MIT
# Tells a root's dpkg about packages that were extracted into it without dpkg: for each package it adds the control files,
# the list of its files, its triggers, and an entry "unpacked" in the status file. In the guest only the preinst scripts and
# `dpkg --configure -a` remain to be run, which is far less work for an emulated machine than unpacking everything again. The
# formats are those of deb-control(5), deb-triggers(5) and dpkg's own doc/triggers.txt.
# Usage: rootfs-database.sh ROOT     the packages are in ROOT/var/cache/apt/archives; mmdebstrap calls it as a hook.
set -eu
root=${1:?usage: rootfs-database.sh ROOT}
database=$root/var/lib/dpkg
control=$(mktemp -d)
trap 'rm -rf "$control"' EXIT

mkdir -p "$database/info" "$database/triggers" "$database/updates"
echo 1 >"$database/info/format"
: >"$database/status"
: >"$database/available"

for deb in "$root"/var/cache/apt/archives/*.deb; do
    rm -rf "$control/files"
    dpkg-deb -e "$deb" "$control/files"
    name=$(dpkg-deb -f "$deb" Package)
    if [ "$(dpkg-deb -f "$deb" Multi-Arch)" = same ]; then
        name=$name:$(dpkg-deb -f "$deb" Architecture)
    fi
    for file in "$control/files"/*; do
        [ "${file##*/}" = control ] || cp -p "$file" "$database/info/$name.${file##*/}"
    done
    dpkg-deb --fsys-tarfile "$deb" | tar -t | sed 's|^\./$|/.|; s|^\./|/|; s|\(.\)/$|\1|' >"$database/info/$name.list"
    {
        sed '/^Package:/a Status: install ok unpacked' "$control/files/control"
        if [ -f "$control/files/conffiles" ]; then
            echo "Conffiles:"
            # Lines that begin with a word instead of a path name files to be removed.
            grep '^/' "$control/files/conffiles" | while read -r file; do
                echo " $file $(md5sum <"$root$file" | cut -d' ' -f1)"
            done
        fi
        echo
    } >>"$database/status"
    [ -f "$control/files/triggers" ] || continue
    # A trigger that is a path is listed in the file File, any other in a file of its own name.
    grep '^interest' "$control/files/triggers" | while read -r kind trigger; do
        interested=$name
        [ "$kind" != interest-noawait ] || interested=$name/noawait
        case $trigger in
        /*) echo "$trigger $interested" >>"$database/triggers/File" ;;
        *) echo "$interested" >>"$database/triggers/$trigger" ;;
        esac
    done
done
