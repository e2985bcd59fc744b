#!/bin/sh
# SPDX-License-Identifier: MIT
# roms/setup.sh on faked systems: which package manager it calls, with which names, and what it says where it knows none.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
cd "$work"

fail() {
    echo "FAILED: $*" >&2
    cat out log >&2
    exit 1
}

# Nothing is installed but what the file "there" names; the managers write down how they were called.
for manager in apt-get dnf pacman zypper rpm dpkg-query; do
    cat >"bin/$manager" <<'FAKE'
#!/bin/sh
name=${0##*/}
for last; do :; done
case $name$1 in
rpm-q | pacman-T) grep -qxF -- "$last" there && exit 0 || exit 1 ;;
dpkg-query-W) grep -qxF -- "$last" there && echo installed; exit 0 ;;
esac
echo "$name $*" >>log
[ ! -e broken ] || exit 1
FAKE
done
printf '#!/bin/sh\necho 0\n' >bin/id
chmod +x bin/*

# setup OS-RELEASE LIST...: runs the command as root of that system; its output is in out, its status in status.
setup() {
    printf '%b' "$1" >os-release
    shift
    : >log
    status=0
    PATH="$work/bin:$PATH" RVIVE_OS_RELEASE="$work/os-release" sh "$top/roms/setup.sh" "$@" >out 2>&1 || status=$?
}

# expect STATUS FILE LINE: the last run ended so, and FILE (out, log) has LINE.
expect() {
    [ "$status" = "$1" ] || fail "status $status, not $1"
    grep -qxF -- "$3" "$2" || fail "$2 lacks: $3"
}

printf 'gcc   compiler\nlibfdt-dev   trees # a remark\n# nothing\nlibdw-dev\nopensbi\n' >list
echo gcc >there

setup 'ID=debian\n' list
expect 0 log 'apt-get -q install -y --no-install-recommends libfdt-dev libdw-dev opensbi'
setup 'ID=ubuntu\nID_LIKE=debian\n' list
expect 0 log 'apt-get -q install -y --no-install-recommends libfdt-dev libdw-dev opensbi'
setup 'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n' list
expect 0 log 'apt-get -q install -y --no-install-recommends libfdt-dev libdw-dev opensbi'
setup 'NAME="Fedora Linux"\nID=fedora\n' list
expect 0 log 'dnf install -y libfdt-devel elfutils-devel apt dpkg'
setup 'ID=arch\n' list
expect 0 log 'pacman -S --needed --noconfirm dtc elfutils apt dpkg'
setup 'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n' list
expect 0 log 'zypper --non-interactive install libfdt-devel libdw-devel dpkg'
expect 0 out 'setup.sh: no package of this system is known for these of Debian: apt'

# All is there: the manager is not called.
printf '%s\n' gcc libfdt-devel elfutils-devel apt dpkg >there
setup 'ID=fedora\n' list
if [ "$status" != 0 ] || [ -s log ]; then
    fail "called though nothing is missing"
fi

# A package without a row, a system that is not known, and a manager that fails.
echo no-such-package >other
setup 'ID=fedora\n' other
expect 0 out 'setup.sh: no package of this system is known for these of Debian: no-such-package'
setup 'ID=plan9\nID_LIKE="inferno"\n' list
if [ "$status" != 1 ] || [ -s log ] || ! grep -q "none of Debian.* gcc libfdt-dev libdw-dev opensbi$" out; then
    fail "a system that is not known"
fi
: >there
: >broken
setup 'ID=arch\n' list
expect 1 out 'setup.sh: pacman could not install: gcc dtc elfutils apt dpkg'
rm broken

# Without root and sudo it says what to type. A folder with nothing but what the script needs has no sudo.
printf '#!/bin/sh\necho 1000\n' >bin/id
for tool in sh dirname sed awk cat date env grep; do ln -s "$(command -v $tool)" "bin/$tool"; done
printf 'ID=fedora\n' >os-release
status=0
env PATH="$work/bin" RVIVE_OS_RELEASE="$work/os-release" sh "$top/roms/setup.sh" list >out 2>&1 || status=$?
expect 1 out 'setup.sh:     dnf install -y gcc libfdt-devel elfutils-devel apt dpkg'

# Every package of the lists has a row with four names.
sed 's/#.*//' "$top/roms/packages.txt" "$top/roms/packages-rootfs.txt" | awk 'NF { print $1 }' | while read -r package; do
    awk -v package="$package" '$1 == package && NF == 4 { found = 1 } END { exit !found }' "$top/roms/package-names.txt" ||
        fail "$package has no row of four names in roms/package-names.txt"
done
echo "roms/setup.sh: all systems as expected"
