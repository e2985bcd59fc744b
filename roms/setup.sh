#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the missing packages of those that list files name, with the system's own package manager; does not call it if all
# are there. The lists have Debian's names; package-names.txt has those of other systems, and /etc/os-release says which it is.
# Usage: setup.sh LIST...     a list has a package on each line; the rest of the line is a remark.
# Root installs directly, another user through sudo; without sudo it names the packages that are missing and fails.
# RVIVE_OS_RELEASE: another file than /etc/os-release, for tests.
set -eu
names=$(dirname "$0")/package-names.txt

[ $# -gt 0 ] || { echo "usage: setup.sh LIST..." >&2; exit 1; }

die() {
    echo "setup.sh: $*" >&2
    exit 1
}

# The system's family: the first of ID and ID_LIKE that is known. The file is for shells to read, in a shell of its own.
family() {
    file=${RVIVE_OS_RELEASE:-/etc/os-release}
    ids=
    # shellcheck source=/dev/null
    [ ! -f "$file" ] || ids=$(ID='' && ID_LIKE='' && . "$file" && echo "$ID $ID_LIKE")
    for id in $ids; do
        case $id in
        debian | ubuntu) echo debian && return ;;
        fedora | arch) echo "$id" && return ;;
        opensuse* | suse) echo opensuse && return ;;
        esac
    done
    # A system that does not say what it is, but has Debian's package manager.
    if [ -z "$ids" ] && command -v dpkg-query >/dev/null; then
        echo debian
    fi
}

# translate COLUMN PACKAGE...: the packages' names in that column, those of "+" rows too; names and "!" need a person.
translate() {
    column=$1
    shift
    printf '%s\n' "$@" | awk -v column="$column" '
        /^#/ || !NF { next }
        NR == FNR { name[$1] = $column; if ($1 ~ /^\+/) more[++count] = $1; next }
        { put($1) }
        END { for (i = 1; i <= count; i++) put(more[i]) }
        function put(debian, plain) {
            plain = debian
            sub(/^\+/, "", plain)
            if (name[debian] == "" || name[debian] == "!") print "?" plain
            else if (name[debian] != "-") print name[debian]
        }' "$names" -
}

is_there() {
    case $system in
    debian) [ "$(dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | head -n 1)" = installed ] ;;
    arch) pacman -T "$1" >/dev/null 2>&1 ;;
    *) rpm -q --whatprovides "$1" >/dev/null 2>&1 ;;
    esac
}

packages=$(sed 's/#.*//' "$@" | awk 'NF { print $1 }')
system=$(family)
case $system in
debian) install="apt-get install --no-install-recommends" ;;
fedora) install="dnf install -y" && packages=$(translate 2 $packages) ;;
arch) install="pacman -S --needed --noconfirm" && packages=$(translate 3 $packages) ;;
opensuse) install="zypper --non-interactive install" && packages=$(translate 4 $packages) ;;
*) die "this system is none of Debian, Ubuntu, Fedora, Arch and openSUSE. Install what these are called here," \
    "then run the next step by hand (cmake -B build -G Ninja && ninja -C build). Debian's names:" $packages ;;
esac

missing=
unknown=
for package in $packages; do
    case $package in
    \?*) unknown="$unknown ${package#?}" ;;
    *) is_there "$package" || missing="$missing $package" ;;
    esac
done
# The step that needs one of these says so itself.
[ -z "$unknown" ] || echo "setup.sh: no package of this system is known for these of Debian:$unknown" >&2
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "setup.sh: these packages are missing and only root can install them; as root run:" >&2
        die "    $install$missing"
    fi
    as_root=sudo
fi
echo "Installing:$missing"
began=$(date +%s)
if [ "$system" = debian ]; then
    $as_root apt-get -q update
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing ||
        die "apt could not install:$missing"
else
    $as_root $install $missing || die "${install%% *} could not install:$missing"
fi
echo "Installed in $(($(date +%s) - began)) s"
