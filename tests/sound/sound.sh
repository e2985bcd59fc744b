#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's kernel plays a sine through ALSA and the virtio sound card: the WAV file has it, complete, at its frequency and
# without a gap, in the stream's own format or another. Playing and recording take as long as they should. Then the same
# through SDL, without a window: SDL's disk driver writes what the guest plays, and the guest records what the driver reads.
# Usage: sound.sh CONSOLE EMULATOR device|pci
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"
bus=$3
here=$top/tests/sound

mkdir "$work/root"
"${cross}gcc" -O2 -static "$here/tone.c" -lm -o "$work/root/tone"

# guest_plays: stdin has the guest's commands; "play CARD" and "record CARD" run the program with that card's device. Right
# after boot the kernel is still too busy for periods of a few ms.
guest_plays() {
    {
        cat <<'END'
sleep 3
play() { card=$1 && shift && /tone play "/dev/snd/pcmC${card}D0p" "$@"; }
record() { card=$1 && shift && /tone record "/dev/snd/pcmC${card}D0c" "$@"; }
END
        cat
    } >"$work/root/run.sh"
    make_initramfs "$work/root" sound
}

# run_guest ARGUMENTS...: the guest's output is in $work/heard. Whether the sound comes in time depends on the host, too: a
# run with an underrun is repeated, up to three times.
run_guest() {
    for attempt in 1 2 3 4; do
        run_quietly 0 200 -M virt -m 512M -smp 2 -nographic -kernel "$vmlinux" -initrd "$work/initramfs" \
            -append "console=ttyS0 quiet rvive.test=run:/run.sh" "$@"
        tr -d '\r' <"$work/output" | sed -n '/Rvive guest is up/,$p' >"$work/heard"
        if ! grep -q '[1-9][0-9]* xruns\|Input/output error\|run.sh failed' "$work/heard"; then
            cat "$work/heard"
            return
        fi
        echo "attempt $attempt:" && cat "$work/heard"
    done
    fail "underruns in every attempt"
}

# took KIND FRAMES LEAST MOST: checks the time of that transfer, in ms.
took() {
    ms=$(sed -n "s/^$1 $2 frames in \([0-9]*\) ms.*/\1/p" "$work/heard" | head -n 1)
    [ -n "$ms" ] && [ "$ms" -ge "$3" ] && [ "$ms" -le "$4" ] || fail "$1 $2 frames: in ${ms:-no} ms"
}

card=virtio-sound-$bus
# cards NAME[,KEYS]...: adds a sound card for each, which plays into $work/NAME.wav.
cards() {
    for keys; do
        name=${keys%%,*}
        echo "-audiodev wav,id=$name,path=$work/$name.wav${keys#"$name"} -device $card,audiodev=$name,jacks=2,chmaps=4"
    done
}
# The last card's file has a format of its own.
guest_plays <<'END'
cat /proc/asound/cards
play 0 48000 2 s16 440 96000
record 0 44100 1 s16 44100
play 1 22050 1 u8 1000 22050
play 2 96000 1 s32 1000 96000
play 3 48000 2 float 1000 48000
play 4 44100 1 s8 300 44100
END
# shellcheck disable=SC2046
run_guest $(cards s16 u8 s32 float other,out.frequency=48000,out.channels=1)
grep -q '^ 4 .*VirtIO SoundCard' "$work/heard" || fail "Linux has not five sound cards"
python3 "$here/check_wav.py" "$work/s16.wav" 48000 2 s16 96000 440
python3 "$here/check_wav.py" "$work/u8.wav" 22050 1 u8 22050 1000
python3 "$here/check_wav.py" "$work/s32.wav" 96000 1 s32 96000 1000
python3 "$here/check_wav.py" "$work/float.wav" 48000 2 float 48000 1000
python3 "$here/check_wav.py" "$work/other.wav" 48000 1 s16 48000 300
took played 96000 1990 3000
took recorded 44100 990 2000
grep -q 'recorded 0.0 Hz, peak 0' "$work/heard" || fail "it recorded something from a file that plays"

# SDL's disk driver reads a sine of 500 Hz.
python3 -c '
import math, struct, sys
for n in range(48000 * 10):
    sys.stdout.buffer.write(struct.pack("<hh", round(16384 * math.sin(2 * math.pi * 500 * n / 48000)), 0))' >"$work/in.raw"
echo 'play 0 48000 2 s16 440 96000; record 0 48000 2 s16 48000' | guest_plays
SDL_AUDIODRIVER=disk SDL_DISKAUDIOFILE=$work/out.raw SDL_DISKAUDIOFILEIN=$work/in.raw
export SDL_AUDIODRIVER SDL_DISKAUDIOFILE SDL_DISKAUDIOFILEIN
if [ "$bus" = pci ]; then
    run_guest -audio driver=sdl,model=virtio
else
    run_guest -audiodev sdl,id=speakers -device "virtio-snd-$bus,audiodev=speakers"
fi
python3 "$here/check_wav.py" "$work/out.raw" 48000 2 s16 96000 440 --raw
grep -q 'recorded 500.0 Hz, peak 50' "$work/heard" || fail "it did not record the sine"
