# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Roots of other Debian systems on this computer, to build and test in. Sourced after roms/lib.sh. Making and entering one
# needs root and mount(2): root_possible says whether both are available.

# root_possible: true if this user can make roots and enter them. Otherwise root_why says what is missing.
root_possible() {
    if [ "$(id -u)" -ne 0 ]; then
        root_why="only root can make a root and enter it"
    elif ! command -v mmdebstrap >/dev/null 2>&1; then
        root_why="mmdebstrap is not installed"
    elif ! unshare --mount --pid --fork sh -c 'mount -t tmpfs tmpfs /mnt' 2>/dev/null; then
        root_why="this host allows no mounts (unshare and mount failed)"
    else
        root_why=
    fi
    [ -z "$root_why" ]
}

# root_make SUITE DIR VARIANT [OPTIONS]: makes DIR a root of Debian SUITE for amd64, of that variant of mmdebstrap, from
# the mirror that apt uses here. DIR must not exist.
root_make() {
    root_suite=$1
    root_dir=$2
    root_variant=$3
    shift 3
    apt_private_setup amd64 "$root_suite"
    # apt in the root has no certificates for such a mirror, and could not install them.
    case ${apt_source:?} in *https:*) set -- --include=ca-certificates "$@" ;; esac
    # What it mounts ends with it, even if it is killed. Nobody needs the root after this host loses its power, so dpkg need
    # not wait for the disk.
    unshare --mount mmdebstrap --quiet --mode=root --variant="$root_variant" --architectures=amd64 \
        --dpkgopt=force-unsafe-io "$@" \
        "$root_suite" "$root_dir" "$apt_source" >&2 || return 1
    # This host's apt may reach its mirror only through a proxy.
    apt-config dump Acquire::http::Proxy Acquire::https::Proxy >"$root_dir/etc/apt/apt.conf.d/90proxy"
}

# root_remove DIR...: removes roots, but nothing that is mounted in them.
root_remove() {
    rm -rf --one-file-system "$@"
}

# root_enter [--source FOLDER] DIR COMMAND...: runs COMMAND in the root DIR (tests/root-enter.sh), with processes, mounts and
# an environment of its own; FOLDER is its /rvive then, read-only. When the command ends, for whatever reason, its processes
# and mounts end, too.
root_enter() {
    unshare --mount --pid --fork --kill-child sh "${top:?}/tests/root-enter.sh" "$@"
}
