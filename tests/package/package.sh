#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the Debian package, unpacks it, and uses what is inside: the programs with their modules, the manual pages, and the
# completions in the shells themselves. Usage: package.sh BUILD
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# has TEXT COMMAND...: the command's output has a line that contains TEXT.
has() {
    text=$1
    shift
    "$@" >output 2>&1 </dev/null || :
    grep -qF -- "$text" output || { cat output >&2 && fail "$* does not say '$text'"; }
}

cpack --config "$build/CPackConfig.cmake" >cpack.log 2>&1 || { cat cpack.log >&2 && fail "cpack"; }
deb=$(echo rvive_*_amd64.deb)
dpkg-deb -x "$deb" root
dpkg-deb -f "$deb" Depends >depends
for library in libc6 libjson-c5 libsdl2-2.0-0 libslirp0 libvncserver1; do
    grep -q "$library" depends || fail "the package does not depend on $library: $(cat depends)"
done
PATH=$work/root/usr/bin:$PATH

# The programs, and the modules that they load from ../lib/rvive.
version=$(sed -n 's/^project(rvive VERSION \([0-9.]*\).*/\1/p' "$top/CMakeLists.txt")
has "rvive $version" rvive -version
has "rvive-img version $version" rvive-img --version
has "rv32" rvive32 -cpu help
status=0
rvive >output || status=$?
[ $status -eq 1 ] && grep -q -- "-kernel IMAGE" output || fail "rvive without flags: status $status"
has "unix:" rvive -M none -bios none -display none -serial none -monitor none -vnc unix:nowhere/vnc -S
printf 'quit\n' | rvive -bios none -S -display none -serial null -monitor stdio -d out_asm -D log >output 2>&1 ||
    { cat output >&2 && fail "the listing's module"; }
has "is missing: install the package u-boot-qemu" env RVIVE=false sh -c '
    sed "s,^firmware=.*,firmware=/nowhere," "$0" >open-image && sh open-image "$1"' root/usr/lib/rvive/open-image "$deb"
printf '%s\n' '#!/bin/sh' 'printf "%s\n" "$@"' >show
chmod +x show
: >"a,b.img"
sed "s,^firmware=.*,firmware=$work/show," root/usr/lib/rvive/open-image >open-image
has "file=a,,b.img,if=virtio" env RVIVE="$work/show" sh open-image "a,b.img"

# The manual pages: roff finds nothing wrong, and each flag of -help is there.
for page in rvive rvive-img rvive32; do
    gzip -dc "root/usr/share/man/man1/$page.1.gz" >page
    groff -man -Tutf8 -ww page >"$page.txt" 2>warnings
    [ ! -s warnings ] || { cat warnings >&2 && fail "$page.1"; }
done
rvive -help | sed -n 's/^-\([^ ]*\) .*/\1/p' | sort -u >flags
[ "$(wc -l <flags)" -gt 80 ] || fail "-help lists few flags"
gzip -dc root/usr/share/man/man1/rvive.1.gz | sed -n 's/^\\fB\\-\(.*\)\\fR.*/\1/p' | sed 's/\\-/-/g' | sort -u >paged
cmp flags paged || fail "rvive.1 and -help have different flags"

# bash, zsh and fish offer flags, and the names that the program itself lists.
cat >complete.bash <<'END'
. "$1"
offer() {
    COMP_WORDS=(rvive "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    _rvive rvive
    echo "${COMPREPLY[*]}"
}
compopt() { :; }
offer -mach
offer -cpu rva2
offer -device virtio-blk
offer -kernel depe
END
bash complete.bash root/usr/share/bash-completion/completions/rvive >offered 2>&1
printf '%s\n' -machine "rva20s64 rva22s64 rva23s64 rva22u64 rva23u64" "virtio-blk-device virtio-blk-pci" depends >wanted
diff wanted offered || fail "bash offers something else"
fish -N -c 'source root/usr/share/fish/vendor_completions.d/rvive.fish
    complete -C "rvive -cpu rva2"; complete -C "rvive-img conv"' >offered 2>&1
for name in rva20s64 rva22s64 rva23s64 rva22u64 rva23u64 convert; do
    grep -q "^$name" offered || { cat offered >&2 && fail "fish does not offer $name"; }
done
zsh -f -c 'autoload -Uz compinit; compinit -u -d dump; fpath=(root/usr/share/zsh/vendor-completions $fpath)
    autoload -Uz _rvive; _arguments() { print -rl -- "$@" }; service=rvive; source root/usr/share/zsh/vendor-completions/_rvive' \
    >offered 2>&1
grep -q '^\*-machine\[the board' offered || { head -n 20 offered >&2 && fail "zsh does not know -machine"; }
[ "$(grep -c '^\*-' offered)" -eq "$(wc -l <flags)" ] || fail "zsh has another number of flags"
echo "$deb: $(wc -c <"$deb") bytes, $(wc -l <flags) flags"
