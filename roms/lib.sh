# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Functions for the scripts under roms/ and tests/: where things are kept, and Debian packages fetched through apt's own
# client into private folders, for any architecture, without root and without touching the system's apt. Sourced with
# `top` set to the checkout.
#
# All that is downloaded or made lies in RVIVE_CACHE (default: .cache in the checkout). A step writes its result under
# a temporary name and renames it, so an interrupted run leaves nothing that looks finished.

RVIVE_CACHE=${RVIVE_CACHE:-${top:?}/.cache}
mkdir -p "$RVIVE_CACHE"
RVIVE_CACHE=$(cd "$RVIVE_CACHE" && pwd)
guest_dir=$RVIVE_CACHE/guest
# What is fetched for the guest: Debian 13.
guest_suite=trixie
guest_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# apt shows its progress only to a person.
if [ -t 2 ]; then
    apt_quiet=-q=0
else
    apt_quiet=-qq
fi

say() {
    printf '\033[1m==>\033[0m %s\n' "$*" >&2
}

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# seconds_since TIME: how long ago that was, TIME being what `date +%s` said then.
seconds_since() {
    echo "$(($(date +%s) - $1)) s"
}

# build_rvive: configures and builds the emulator and rvive-img in build/ (Release).
build_rvive() {
    build_began=$(date +%s)
    [ -f "$top/build/build.ninja" ] || cmake -S "$top" -B "$top/build" -G Ninja || die "cmake failed in $top/build"
    ninja -C "$top/build" rvive rvive-img || die "the build failed in $top/build"
    say "Rvive is built: $(seconds_since "$build_began")"
}

# The mirrors that the system's own apt uses for its main archive, one a line. The script asks apt for them, so every format
# of its sources is understood; RVIVE_MIRROR comes first. Other systems' apt names none that has Debian's suites.
apt_mirrors() {
    [ -z "${RVIVE_MIRROR:-}" ] || printf '%s\n' "$RVIVE_MIRROR"
    apt-get --print-uris update 2>/dev/null |
        sed -n "s|^'\(.*\)/dists/[a-z]*/InRelease'.*|\1|p" | awk '!seen[$0]++'
}

# apt_private_setup ARCHITECTURE [SUITE]: makes the private apt directories for ARCHITECTURE and fetches the signed package
# lists of SUITE (the guest's if there is none). Takes the first mirror that has the suite with a valid signature. Sets
# apt_dir, and apt_source: that mirror as a line of sources.list.
apt_private_setup() {
    apt_suite=${2:-$guest_suite}
    apt_dir=$RVIVE_CACHE/apt-$1
    [ "$apt_suite" = $guest_suite ] || apt_dir=$apt_dir-$apt_suite
    apt_private_lists "$1"
    apt_source="deb [signed-by=$guest_keyring]$(cut -d']' -f2 "$apt_dir/etc/sources.list")"
}

# apt_private_lists ARCHITECTURE: the same for apt_dir and apt_suite.
apt_private_lists() {
    [ -f "$guest_keyring" ] || die "$guest_keyring is missing: install debian-archive-keyring"
    mkdir -p "$apt_dir/etc" "$apt_dir/lists/partial" "$apt_dir/archives/partial"
    : >"$apt_dir/status"
    # The system's hooks (they clean the system's cache, refresh software catalogues) must not run here. The file is written
    # each time, since it contains the cache's path, which changes if a checkout is moved or copied.
    cat >"$apt_dir/apt.conf" <<END
#clear APT::Update;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear APT::Architectures;
APT::Architecture "$1";
APT::Architectures { "$1"; };
APT::Install-Recommends "false";
APT::Get::List-Cleanup "false";
APT::Sandbox::User "$(id -un)";
APT::Keep-Downloaded-Packages "true";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "$apt_dir";
Dir::State::lists "$apt_dir/lists";
Dir::State::status "$apt_dir/status";
Dir::State::extended_states "$apt_dir/extended_states";
Dir::Cache "$apt_dir";
Dir::Cache::archives "$apt_dir/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "$apt_dir/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::trustedparts "/dev/null";
END
    # Lists of the last day are good enough; older ones may name packages that the mirror has replaced.
    [ -z "$(find "$apt_dir/ready" -mtime -1 2>/dev/null)" ] || return 0
    mirrors=$(apt_mirrors)
    [ -n "$mirrors" ] || die "the system's apt names no Debian mirror; set RVIVE_MIRROR to one"
    for mirror in $mirrors; do
        say "Reading the package lists of $apt_suite/$1 from $mirror"
        echo "deb [arch=$1 target=Packages signed-by=$guest_keyring] $mirror $apt_suite main" >"$apt_dir/etc/sources.list"
        if apt-get -c "$apt_dir/apt.conf" $apt_quiet -o APT::Update::Error-Mode=any update >&2; then
            : >"$apt_dir/ready"
            return 0
        fi
    done
    die "no signed package lists of $apt_suite for $1 from: $(echo "$mirrors" | tr '\n' ' ')" \
        "(is the network up? RVIVE_MIRROR names a Debian mirror)"
}

# apt_private ARCHITECTURE COMMAND...: runs an apt command on the private directories for the guest's suite.
apt_private() {
    apt_conf=$RVIVE_CACHE/apt-$1/apt.conf
    apt_command=$2
    shift 2
    "$apt_command" -c "$apt_conf" "$@"
}

# apt_sized WHAT: says that WHAT is downloaded, and how much that is, from apt's list of addresses and sizes.
apt_sized() {
    say "Downloading $(awk -v what="$1" '/^\047/ { files++; size += $3 }
        END { printf "%s: %d package%s, %.1f MB", what, files, files == 1 ? "" : "s", size / 1000000 }')"
}

# apt_fetch ARCHITECTURE DIR PACKAGE...: downloads these packages, checked against the signed lists, into DIR.
apt_fetch() {
    apt_fetch_arch=$1
    apt_fetch_dir=$2
    shift 2
    mkdir -p "$apt_fetch_dir"
    apt_private "$apt_fetch_arch" apt-get -qq download --print-uris "$@" 2>/dev/null | apt_sized "$*"
    apt_began=$(date +%s)
    (cd "$apt_fetch_dir" && apt_private "$apt_fetch_arch" apt-get $apt_quiet download "$@" >&2) ||
        die "could not download: $*"
    say "Downloaded: $(seconds_since "$apt_began")"
}

# apt_fetch_all ARCHITECTURE DIR PACKAGE...: the same with everything that the packages depend on.
apt_fetch_all() {
    apt_fetch_arch=$1
    apt_fetch_dir=$2
    shift 2
    mkdir -p "$apt_fetch_dir/partial"
    apt_private "$apt_fetch_arch" apt-get -qq -y -o Debug::NoLocking=true -o Dir::Cache::archives="$apt_fetch_dir" \
        install --print-uris "$@" 2>/dev/null | apt_sized "$* and what they need"
    apt_began=$(date +%s)
    apt_private "$apt_fetch_arch" apt-get $apt_quiet -y -o Debug::NoLocking=true -o Dir::Cache::archives="$apt_fetch_dir" \
        install --download-only "$@" >&2 || die "could not download: $* and what they depend on"
    rmdir "$apt_fetch_dir/partial" 2>/dev/null || :
    say "Downloaded: $(seconds_since "$apt_began")"
}

# apt_unpack DIR DEB...: unpacks packages into DIR; none of their scripts are run.
apt_unpack() {
    apt_unpack_dir=$1
    shift
    mkdir -p "$apt_unpack_dir"
    for deb; do
        dpkg-deb -x "$deb" "$apt_unpack_dir" || die "could not unpack $deb into $apt_unpack_dir"
    done
}

# apt_fetch_files ARCHITECTURE DIR PACKAGE: empties DIR and leaves the files of one package in DIR/root.
apt_fetch_files() {
    apt_private_setup "$1"
    say "Fetching $3"
    rm -rf "$2"
    apt_fetch "$1" "$2/debs" "$3"
    apt_unpack "$2/root" "$2/debs/${3}_"*.deb
}
