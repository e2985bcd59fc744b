# SPDX-License-Identifier: MIT
"""Checks a WAV file, or raw frames, against what was played.

    check_wav.py FILE RATE CHANNELS FORMAT FRAMES HZ [--raw]

FORMAT is u8, s16, s32 or float. The header must be right. There must be FRAMES frames, with a tolerance of 1 % (raw
frames: at least so many, with silence around them). Each channel must be a sine of HZ without a gap, the second
channel half as loud as the first.
"""
import math
import struct
import sys

FORMATS = {"u8": ("B", 8, 1), "s16": ("h", 16, 1), "s32": ("i", 32, 1), "float": ("f", 32, 3)}


def fail(text):
    sys.exit("check_wav.py: " + sys.argv[1] + ": " + text)


def read_wav(data, rate, channels, bits, tag):
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE" or struct.unpack("<I", data[4:8])[0] != len(data) - 8:
        fail("not a RIFF WAVE file of its length")
    at, frames = 12, None
    while at < len(data):
        name, length = data[at : at + 4], struct.unpack("<I", data[at + 4 : at + 8])[0]
        body = data[at + 8 : at + 8 + length]
        if name == b"fmt ":
            frame = channels * bits // 8
            if struct.unpack("<HHIIHH", body[:16]) != (tag, channels, rate, rate * frame, frame, bits):
                fail("format %s" % (struct.unpack("<HHIIHH", body[:16]),))
        if name == b"data":
            frames = body
        at += 8 + length + length % 2
    if frames is None:
        fail("no frames")
    return frames


def level(samples, hz, rate):
    """Returns the amplitude of the sine, and its share of the total power."""
    step = 2 * math.pi * hz / rate
    real = sum(s * math.cos(step * n) for n, s in enumerate(samples))
    imaginary = sum(s * math.sin(step * n) for n, s in enumerate(samples))
    power = sum(s * s for s in samples)
    tone = real * real + imaginary * imaginary
    return 2 * math.sqrt(tone) / len(samples), 2 * tone / (len(samples) * power) if power else 0.0


def main():
    rate, channels, count, hz = int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[5]), float(sys.argv[6])
    letter, bits, tag = FORMATS[sys.argv[4]]
    raw = "--raw" in sys.argv
    data = open(sys.argv[1], "rb").read()
    if not raw:
        data = read_wav(data, rate, channels, bits, tag)
    frame = channels * bits // 8
    data = data[: len(data) // frame * frame]
    samples = list(struct.unpack("<%d%s" % (len(data) * 8 // bits, letter), data))
    if letter == "B":
        samples = [s - 128 for s in samples]
    scale = 1.0 if letter == "f" else 2.0 ** (bits - 1)
    samples = [s / scale for s in samples]
    if raw:
        sounding = [n // channels for n, s in enumerate(samples) if s]
        if not sounding:
            fail("nothing but silence")
        samples = samples[sounding[0] * channels : (sounding[-1] + 1) * channels]
    got = len(samples) // channels
    if abs(got - count) > count // 100:
        fail("%d frames instead of %d" % (got, count))
    for channel in range(channels):
        loud, part = level(samples[channel::channels], hz, rate)
        wanted = 0.5 / (channel + 1)
        print("channel %d: %d frames, %.0f Hz: amplitude %.3f, %.2f %% of all power"
              % (channel, got, hz, loud, 100 * part))
        if abs(loud - wanted) > 0.02 or part < 0.99:
            fail("that is not the sine that was played (amplitude %.3f)" % wanted)


main()
