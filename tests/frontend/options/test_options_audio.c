/* SPDX-License-Identifier: MIT
 *
 * The command line's sound: lines as scripts write them, and their results.
 */
#include "tests/frontend/options/option_line.h"
#include "tests/suite.h"

/* Parses a line whose only device is its sound card; that is in slot 7 of virtio-mmio or in 1.0 of the PCI
 * bus. */
static const struct machine_plug *card(const char *line)
{
    ck_assert_msg(parse(line), "%s: %s", line, error.text);
    const struct machine_plug *slot = &options.machine.virtio[7];
    if (slot->model == &virtio_snd_model)
        return slot;
    slot = &options.machine.pci[0].plug;
    ck_assert_msg(options.machine.pci_count && slot->model == &virtio_snd_model, "%s: no card", line);
    return slot;
}

static const struct machine_audiodev *audiodev(const char *line)
{
    unsigned number = card(line)->audiodev;
    ck_assert_uint_ge(number, 1);
    ck_assert_uint_le(number, options.machine.audiodev_count);
    return &options.machine.audiodevs[number - 1];
}

START_TEST(cards)
{
    static const char *const names[] = { "virtio-sound-pci", "virtio-snd-pci", "virtio-sound-device",
                                         "virtio-snd-device", "virtio-sound" };
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        char line[256];
        snprintf(line, sizeof(line),
                 "-audiodev none,id=a -audiodev wav,id=b -nic none -device "
                 "%s,audiodev=b,id=c,streams=3,jacks=1,chmaps=2",
                 names[n]);
        const struct machine_plug *sound = card(line);
        ck_assert_uint_eq(sound->audiodev, 2);
        ck_assert_uint_eq(sound->settings.streams, 3);
        ck_assert_uint_eq(sound->settings.jacks, 1);
        ck_assert_uint_eq(sound->settings.chmaps, 2);
    }
    const struct machine_plug *sound =
        card("-nic none -audio none -device virtio-sound-device,bus=virtio-mmio-bus.7");
    ck_assert_uint_eq(sound->settings.streams, 2);
    ck_assert_uint_eq(sound->settings.jacks, 0);
    ck_assert_uint_eq(sound->settings.chmaps, 0);
}
END_TEST

START_TEST(backends)
{
    const struct machine_audiodev *found =
        audiodev("-nic none -audiodev wav,id=a,path=x.wav,timer-period=5000,out.frequency=8000 "
                 "-device virtio-sound-pci,audiodev=a");
    ck_assert_ptr_eq(found->config.create, audiodev_wav_create);
    ck_assert_str_eq(found->config.path, "x.wav");
    ck_assert_uint_eq(found->config.period_us, 5000);
    ck_assert_uint_eq(found->config.format.rate, 8000);
    ck_assert_uint_eq(found->config.format.channels, 2);
    ck_assert_int_eq(found->config.format.sample, AUDIO_SAMPLE_S16);
    found = audiodev("-nic none -audiodev driver=wav,id=a,out.format=f32,out.channels=1 "
                     "-device virtio-sound-pci,audiodev=a");
    ck_assert_int_eq(found->config.format.sample, AUDIO_SAMPLE_FLOAT);
    ck_assert_uint_eq(found->config.format.channels, 1);
    ck_assert_uint_eq(found->config.format.rate, 44100);
    found = audiodev("-nic none -audiodev wav,id=a -device virtio-sound-pci,audiodev=a");
    ck_assert_uint_eq(found->config.format.rate, 0); /* the stream's own rate */
    found =
        audiodev("-nic none -audiodev sdl,id=a,out.buffer-length=20000 -device virtio-sound-pci,audiodev=a");
    ck_assert_ptr_null((void *)(uintptr_t)found->config.create); /* it is in a module */
    ck_assert_uint_eq(found->config.buffer_us, 20000);
    ck_assert(!found->may_fail);
}
END_TEST

START_TEST(defaults)
{
    const struct machine_audiodev *found = audiodev("-nic none -audio driver=none,model=virtio");
    ck_assert_ptr_eq(found->config.create, audiodev_none_create);
    ck_assert_uint_eq(options.machine.pci_count, 1);
    found = audiodev("-nic none -audio wav,model=virtio,path=y.wav");
    ck_assert_str_eq(found->config.path, "y.wav");
    found = audiodev("-nic none -audio none -device virtio-sound-pci");
    ck_assert_ptr_eq(found->config.create, audiodev_none_create);
    found = audiodev("-nic none -device virtio-sound-pci"); /* the speakers, if there are any */
    ck_assert(found->may_fail);
    ck_assert_uint_eq(options.machine.audiodev_count, 1);
    ck_assert_msg(parse("-nic none -device virtio-sound-pci -device virtio-sound-device"), "%s", error.text);
    ck_assert_uint_eq(options.machine.audiodev_count, 1); /* both use the same audiodev */
    ck_assert_msg(parse("-audiodev none,id=x"), "%s", error.text);
    ck_assert_uint_eq(options.machine.pci_count, 0);
}
END_TEST

static const struct failing_line failures[] = {
    { "-audiodev alsa,id=a", "alsa: this version does not have it; sdl" },
    { "-audiodev beeper,id=a", "\"beeper\" is not a value for it; there are: none, wav, sdl" },
    { "-audiodev id=a", "there are: none, wav, sdl" },
    { "-audiodev none", "id=ID is missing" },
    { "-audiodev none,id=a -audiodev none,id=a", "the id a is taken" },
    { "-audiodev none,id=a,path=x", "unknown option path=x; there are: id, timer-period" },
    { "-audiodev wav,id=a,out.voices=2", "this version has only out.voices=1" },
    { "-audiodev wav,id=a,path=", "path" },
    { "-audiodev wav,id=a,out.frequency=1000", "out.frequency=1000" },
    { "-audiodev wav,id=a,out.channels=6", "out.channels=6" },
    { "-audiodev wav,id=a,out.format=s24", "\"s24\"" },
    { "-audiodev none,id=a,timer-period=60000",
      "timer-period=60000: not a number of microseconds from 1000 to 50000" },
    { "-audiodev sdl,id=a,timer-period=0", "timer-period=0" },
    { "-audiodev sdl,id=a,out.buffer-length=x", "out.buffer-length=x" },
    { "-audio none,model=hda", "\"hda\" is not a value for it; there are: virtio" },
    { "-audio none -audio none", "twice" },
    { "-audio model=virtio", "there are: none, wav, sdl" },
    { "-device virtio-sound-pci,audiodev=b", "there is no -audiodev with id=b" },
    { "-audiodev none,id=a -device virtio-sound-pci",
      "audiodev=ID is missing: there is an -audiodev, with id=a" },
    { "-audio none -device virtio-sound-pci,streams=0", "streams=0" },
    { "-audio none -device virtio-sound-pci,streams=11", "streams=11" },
    { "-audio none -device virtio-sound-pci,jacks=9", "jacks=9" },
    { "-audio none -device virtio-sound-pci,chmaps=5", "chmaps=5" },
    { "-audio none -device virtio-snd-device,jacks=9", "-device virtio-snd-device,jacks=9" },
    { "-audio none -device virtio-sound-pci,volume=1", "unknown option volume=1" },
    { "-device intel-hda", "use virtio-sound-pci" },
    { "-soundhw hda", "use -audio sdl,model=virtio" },
};

START_TEST(failing_lines)
{
    check_failing_line(&failures[_i]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("options_audio");
    TCase *tests = tcase_create("options_audio");
    tcase_add_test(tests, cards);
    tcase_add_test(tests, backends);
    tcase_add_test(tests, defaults);
    tcase_add_loop_test(tests, failing_lines, 0, sizeof(failures) / sizeof(failures[0]));
    suite_add_tcase(suite, tests);
    return suite;
}
