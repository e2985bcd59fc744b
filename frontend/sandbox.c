/* SPDX-License-Identifier: MIT
 *
 * See sandbox.h. The purpose of each rule is explained where it is made. Some rules are for files that
 * nothing opens by name any more; they do no harm, and keep the policy equal to "what the command line
 * names".
 */
#include "frontend/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <netdb.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/ahci/ahci.h"
#include "devices/char/describe.h"
#include "devices/scsi/scsi.h"
#include "frontend/display/screen.h"
#include "util/confine.h"
#include "util/log.h"
#include "util/resolve.h"
#include "util/thread.h"

static struct confine_status status;
static bool may_make_sockets, may_use_any_port, may_spawn; /* what the policy allows */
static char places[PATH_MAX + 256]; /* the folders that commands may write into, for messages */

#define READ_WRITE (CONFINE_READ | CONFINE_WRITE)
#define TREE       (CONFINE_READ | CONFINE_WRITE | CONFINE_MAKE | CONFINE_FOLDERS)

/* ---- Pieces -------------------------------------------------------------------------------------------- */

/* Adds a rule for the folder that contains the file. */
static bool add_folder_of(struct confine_policy *policy, const char *path, unsigned rights)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash)
        return confine_add_path(policy, ".", rights);
    snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return confine_add_path(policy, folder, rights);
}

/* Adds a file that is written at the end, or when the guest first needs it. It is created now, since rules
 * can only be made for existing files. */
static bool add_output(struct confine_policy *policy, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (fd >= 0)
        close(fd);
    return confine_add_path(policy, path, CONFINE_WRITE);
}

static bool add_drive(struct confine_policy *policy, const struct blockdev_config *drive)
{
    for (; drive; drive = drive->backing) {
        bool written = !drive->read_only && !drive->snapshot;
        if (drive->path && !confine_add_path(policy, drive->path, written ? READ_WRITE : CONFINE_READ))
            return false;
    }
    return true;
}

/* A listening unix: socket is removed at the end; a client may connect again. */
static bool add_chardev(struct confine_policy *policy, const char *chardev)
{
    struct chardev_config config;
    struct resolve_place place;
    if (!chardev || !chardev_describe(chardev, &config, NULL))
        return true;
    bool client = !config.server;
    switch (config.kind) {
    case CHARDEV_FILE:
    case CHARDEV_PIPE:
    case CHARDEV_DEVICE: return confine_add_path(policy, config.address, READ_WRITE);
    case CHARDEV_TCP:
        policy->sockets |= client; /* a listening socket is open by now */
        return !client || !resolve_split(config.address, strlen(config.address), &place, NULL) ||
               confine_add_port(policy, (uint16_t)place.port, false);
    case CHARDEV_UNIX:
        policy->sockets |= client;
        return client || add_folder_of(policy, config.address, CONFINE_REMOVE);
    case CHARDEV_STDIO:
    case CHARDEV_NULL:
    case CHARDEV_PTY:
    case CHARDEV_FD:
    case CHARDEV_UDP:
    case CHARDEV_RINGBUF: break;
    }
    return true;
}

/* ---- Parts of the command line ------------------------------------------------------------------------- */

static bool add_device(struct confine_policy *policy, const struct machine_plug *device)
{
    enum device_backend backend = device->model ? device->model->backend : DEVICE_BACKEND_NONE;
    unsigned folder = device->folder.read_only ? CONFINE_READ : TREE;
    bool ok = backend != DEVICE_BACKEND_DISK || add_drive(policy, &device->drive);
    if (backend == DEVICE_BACKEND_FOLDER && device->folder.path)
        ok = ok && confine_add_path(policy, device->folder.path, folder);
    policy->folders |= backend == DEVICE_BACKEND_FOLDER;
    if (backend == DEVICE_BACKEND_RNG && device->rng_file)
        ok = ok && confine_add_path(policy, device->rng_file, CONFINE_READ);
    for (unsigned n = 0; n < device->port_count; n++)
        ok = ok && add_chardev(policy, device->ports[n].chardev);
    return ok;
}

static bool add_devices(struct confine_policy *policy, const struct machine_config *machine)
{
    bool ok = true;
    for (unsigned n = 0; n < MACHINE_VIRTIO_SLOTS_MAX; n++)
        ok = ok && add_device(policy, &machine->virtio[n]);
    for (unsigned n = 0; n < machine->pci_count; n++)
        ok = ok && add_device(policy, &machine->pci[n].plug);
    for (unsigned n = 0; n < machine->unit_count; n++)
        ok = ok && add_drive(policy, &machine->units[n].drive);
    for (unsigned n = 0; n < MACHINE_PFLASH_BANKS_MAX; n++)
        ok = ok && (!machine->pflash[n].present || add_drive(policy, &machine->pflash[n].drive));
    return ok;
}

/* Can devices be plugged in while the machine runs (device_add)? They may use what nothing uses now. */
static bool has_ports(const struct machine_config *machine)
{
    bool any = false;
    for (unsigned n = 0; n < machine->pci_count; n++)
        any |= machine->pci[n].plug.model->bridge;
    return any;
}

/* The same for media (the monitor's change). */
static bool has_drives(const struct machine_config *machine)
{
    bool any = false;
    for (unsigned n = 0; n < machine->unit_count; n++)
        any |= machine->units[n].model == &scsi_cd_model || machine->units[n].model == &ide_cd_model;
    return any;
}

static bool add_spare_drives(struct confine_policy *policy, const struct options *options)
{
    bool ok = true, hot = has_ports(&options->machine) || has_drives(&options->machine);
    for (unsigned n = 0; hot && n < options->drive_count; n++)
        if (!options->drives[n].used)
            ok = ok && add_drive(policy, &options->drives[n].blockdev);
    return ok;
}

static bool add_named_files(struct confine_policy *policy, const struct options *options)
{
    const struct machine_config *machine = &options->machine;
    const char *const read[] = { machine->bios, machine->kernel, machine->initrd, machine->dtb };
    bool ok = true;
    for (size_t n = 0; n < sizeof(read) / sizeof(read[0]); n++)
        ok = ok && (!read[n] || confine_add_path(policy, read[n], CONFINE_READ));
    ok = ok && add_spare_drives(policy, options);
    for (unsigned n = 0; n < machine->load_count; n++)
        ok =
            ok && (!machine->loads[n].file || confine_add_path(policy, machine->loads[n].file, CONFINE_READ));
    if (machine->semihosting.path)
        ok = ok && confine_add_path(policy, machine->semihosting.path, TREE);
    policy->hart_files = machine->semihosting.path != NULL;
    if (options->log_file)
        ok = ok && confine_add_path(policy, options->log_file, CONFINE_WRITE);
    if (options->process.pidfile) /* the file is removed at the end */
        ok = ok && add_folder_of(policy, options->process.pidfile, CONFINE_REMOVE);
    if (options->suspend) /* written under another name first, and removed when it was loaded */
        ok = ok && add_folder_of(policy, options->suspend, CONFINE_WRITE | CONFINE_MAKE);
    if (options->screen.dump) /* the picture is written to a file with another name first */
        ok = ok && add_folder_of(policy, options->screen.dump, CONFINE_WRITE | CONFINE_MAKE);
    if (ok && machine->profile.file) {
        char picture[PATH_MAX];
        snprintf(picture, sizeof(picture), "%s.svg", machine->profile.file);
        ok = add_output(policy, machine->profile.file) && add_output(policy, picture);
    }
    if (machine->timeline_file)
        ok = ok && add_output(policy, machine->timeline_file);
    if (machine->coverage.file)
        ok = ok && add_output(policy, machine->coverage.file);
    return ok;
}

static bool add_chardevs(struct confine_policy *policy, const struct options *options)
{
    const struct machine_config *machine = &options->machine;
    bool ok = add_chardev(policy, machine->serial) && add_chardev(policy, machine->semihosting.chardev);
    for (unsigned n = 0; n < MACHINE_SPARE_SERIALS; n++)
        ok = ok && add_chardev(policy, machine->spare_serials[n]);
    for (unsigned n = 0; n < options->monitor_count; n++)
        ok = ok && add_chardev(policy, options->monitors[n].chardev);
    if (options->screen.vnc && strncmp(options->screen.vnc, "unix:", 5) == 0)
        ok = ok && add_folder_of(policy, options->screen.vnc + 5, CONFINE_REMOVE);
    if (machine->gdb && strncmp(machine->gdb, "unix:", 5) == 0) /* this socket always listens */
        ok = ok && add_folder_of(policy, machine->gdb + 5, CONFINE_REMOVE);
    return ok;
}

/* Adds the files that the C library reads when it looks up a name. Its modules for this are loaded now. */
static bool add_resolver(struct confine_policy *policy, bool clients)
{
    static const char *const files[] = { "/etc/resolv.conf", "/etc/hosts",      "/etc/nsswitch.conf",
                                         "/etc/host.conf",   "/etc/gai.conf",   "/etc/services",
                                         "/etc/localtime",   "/etc/ld.so.cache" };
    struct addrinfo *list = NULL, hints = { .ai_socktype = SOCK_STREAM };
    if (clients && getaddrinfo("localhost", "1", &hints, &list) == 0) /* slow; libslirp looks up no names */
        freeaddrinfo(list);
    for (size_t n = 0; n < sizeof(files) / sizeof(files[0]); n++) {
        if (!confine_add_path(policy, files[n], CONFINE_READ))
            return false;
    }
    return true;
}

/* A user network connects to everything that its guest asks for, and may be told at any time to listen for
 * it. A restricted one connects to nothing: its forwarding rules are already connected or listening, except
 * commands and local sockets. */
static bool add_user_network(struct confine_policy *policy, const struct netdev_slirp_config *user)
{
    policy->sockets = true;
    policy->any_port = true;
    for (const char *const *rule = user->guestfwd; *rule; rule++)
        policy->spawn |= strstr(*rule, "-cmd:") != NULL;
    return !user->tftp || confine_add_path(policy, user->tftp, CONFINE_READ);
}

/* The sockets and interfaces of other networks are open by now, and names are looked up. Only a client that
 * connects again needs new ones, for the same place; the files of Unix sockets are removed at the end. */
static bool add_peer_network(struct confine_policy *policy, const struct netdev_peer_config *peer)
{
    bool ok = peer->local.kind != NET_PLACE_UNIX || peer->local.abstract ||
              add_folder_of(policy, peer->local.path, CONFINE_REMOVE);
    if (!peer->reconnect_ms)
        return ok;
    policy->sockets = true;
    return ok && (peer->remote.kind != NET_PLACE_INET ||
                  confine_add_port(policy, (uint16_t)peer->remote.port, false));
}

static bool add_networks(struct confine_policy *policy, const struct machine_config *machine)
{
    bool ok = true, clients = policy->sockets, users = false;
    for (unsigned n = 0; n < machine->netdev_count; n++) {
        const struct machine_netdev *netdev = &machine->netdevs[n];
        bool user = netdev->peer.kind == NETDEV_PEER_NONE;
        if (user && !netdev->used && !has_ports(machine))
            continue;
        users |= user;
        ok = ok && (user ? add_user_network(policy, &netdev->user) : add_peer_network(policy, &netdev->peer));
        for (unsigned d = 0; d < netdev->dump_count; d++)
            ok = ok && confine_add_path(policy, netdev->dumps[d].file, CONFINE_WRITE);
    }
    return ok && (!(clients || users) || add_resolver(policy, clients));
}

/* A program that the user permits the guest to start has its own libraries and files: it may read what the
 * user may read, and write where commands may write. */
static bool add_programs(struct confine_policy *policy)
{
    return !policy->spawn || (confine_add_path(policy, "/", CONFINE_READ) &&
                              confine_add_path(policy, "/dev", READ_WRITE | CONFINE_DEVICE));
}

/* ---- Windows and sound --------------------------------------------------------------------------------- */

static bool add_sound(struct confine_policy *policy, const struct machine_config *machine, bool *sdl)
{
    bool ok = true;
    for (unsigned n = 0; n < machine->audiodev_count; n++) {
        const struct audiodev_config *config = &machine->audiodevs[n].config;
        if (config->create == audiodev_wav_create)
            ok = ok && add_output(policy, config->path ? config->path : AUDIODEV_WAV_PATH);
        else if (config->create != audiodev_none_create)
            *sdl = true;
    }
    return ok;
}

/* Adds what SDL and the desktop's drivers need: public files of the system, graphics and sound devices, and
 * the user's settings of the sound server. */
static bool add_desktop(struct confine_policy *policy)
{
    static const struct {
        const char *path;
        unsigned rights;
    } rules[] = {
        { "/usr", CONFINE_READ },
        { "/lib", CONFINE_READ },
        { "/lib64", CONFINE_READ },
        { "/sys", CONFINE_READ },
        { "/etc/ld.so.cache", CONFINE_READ },
        { "/etc/drirc", CONFINE_READ },
        { "/etc/pulse", CONFINE_READ },
        { "/etc/pipewire", CONFINE_READ },
        { "/etc/alsa", CONFINE_READ },
        { "/etc/asound.conf", CONFINE_READ },
        { "/etc/machine-id", CONFINE_READ },
        { "/etc/fonts", CONFINE_READ },
        { "/var/lib/dbus/machine-id", CONFINE_READ },
        { "/proc/self", CONFINE_READ },
        { "/proc/cpuinfo", CONFINE_READ },
        { "/proc/meminfo", CONFINE_READ },
        { "/dev/dri", READ_WRITE | CONFINE_DEVICE },
        { "/dev/snd", READ_WRITE | CONFINE_DEVICE },
        { "/dev/shm", READ_WRITE | CONFINE_MAKE },
        { "/dev/nvidiactl", READ_WRITE | CONFINE_DEVICE },
        { "/dev/nvidia0", READ_WRITE | CONFINE_DEVICE },
        { "/dev/nvidia-modeset", READ_WRITE | CONFINE_DEVICE },
        { "/proc/driver/nvidia", CONFINE_READ },
    };
    static const char *const homes[] = { ".config/pulse", ".asoundrc", ".Xauthority", ".drirc" };
    const char *home = getenv("HOME"), *authority = getenv("XAUTHORITY");
    const char *run = getenv("XDG_RUNTIME_DIR"), *disk = getenv("SDL_DISKAUDIOFILE");
    const char *recorded = getenv("SDL_DISKAUDIOFILEIN");
    char path[PATH_MAX];
    bool ok = true;
    policy->window = policy->sockets = true;
    for (size_t n = 0; n < sizeof(rules) / sizeof(rules[0]); n++)
        ok = ok && confine_add_path(policy, rules[n].path, rules[n].rights);
    for (size_t n = 0; home && n < sizeof(homes) / sizeof(homes[0]); n++) {
        snprintf(path, sizeof(path), "%s/%s", home, homes[n]);
        ok = ok && confine_add_path(policy, path, CONFINE_READ);
    }
    if (run) {
        snprintf(path, sizeof(path), "%s/pulse", run);
        ok = ok && confine_add_path(policy, path, READ_WRITE);
    }
    if (disk)
        ok = ok && add_output(policy, disk);
    if (recorded)
        ok = ok && confine_add_path(policy, recorded, CONFINE_READ);
    return ok && (!authority || confine_add_path(policy, authority, CONFINE_READ));
}

/* ---- Where commands write ------------------------------------------------------------------------------ */

/* Returns whether the folder is the user's home or contains it: other programs obey files in there. */
static bool is_precious(const char *folder)
{
    char home[PATH_MAX];
    const char *name = getenv("HOME");
    const struct passwd *entry = name ? NULL : getpwuid(getuid()); /* slow: it loads modules */
    size_t length = strlen(folder);
    if (strcmp(folder, "/") == 0)
        return true;
    return realpath(entry  ? entry->pw_dir
                    : name ? name
                           : "/",
                    home) &&
           strcmp(home, "/") != 0 && strncmp(home, folder, length) == 0 &&
           (home[length] == 0 || home[length] == '/');
}

static void note_place(const char *folder)
{
    size_t used = strlen(places);
    snprintf(places + used, sizeof(places) - used, "%s%s", used ? ", " : "", folder);
}

/* The command line does not name the first two places, so nothing in there can be read: a command's files are
 * new ones. Landlock cannot tell a new file from one that exists, so those can be overwritten. */
static bool add_places(struct confine_policy *policy, const struct options_sandbox *sandbox)
{
    const unsigned put = CONFINE_WRITE | CONFINE_MAKE;
    char here[PATH_MAX] = "";
    const char *temporary = getenv("TMPDIR");
    bool ok = true;
    if (getcwd(here, sizeof(here)) && !is_precious(here)) {
        note_place(here);
        ok = confine_add_path(policy, here, put);
    }
    const char *const common[] = { "/tmp", temporary && strcmp(temporary, "/tmp") == 0 ? NULL : temporary };
    for (size_t n = 0; n < sizeof(common) / sizeof(common[0]); n++) {
        char folder[PATH_MAX];
        if (!common[n] || !realpath(common[n], folder) || is_precious(folder) || strcmp(folder, here) == 0)
            continue;
        note_place(folder);
        ok = ok && confine_add_path(policy, folder, put);
    }
    for (unsigned n = 0; n < sandbox->folder_count; n++) {
        note_place(sandbox->folders[n]);
        ok = ok && confine_add_path(policy, sandbox->folders[n], CONFINE_READ | put);
    }
    return ok && confine_add_path(policy, "/dev/null", READ_WRITE);
}

/* ---- -run-with ----------------------------------------------------------------------------------------- */

static bool enter_root(const struct options_run_with *with, struct error *error)
{
    if (with->chroot && (chroot(with->chroot) || chdir("/")))
        return error_set(error, "-run-with chroot=%s: %s", with->chroot, strerror(errno));
    return true;
}

static bool become_user(const struct options_run_with *with, struct error *error)
{
    if (!with->user)
        return true;
    if (with->numbers ? setgroups(1, &with->gid) : initgroups(with->user, with->gid))
        return error_set(error, "-run-with user=%s: cannot take its groups: %s", with->user, strerror(errno));
    if (setgid(with->gid) || setuid(with->uid))
        return error_set(error, "-run-with user=%s: cannot become it: %s", with->user, strerror(errno));
    if (with->uid && setuid(0) == 0)
        return error_set(error, "-run-with user=%s: the host lets it become root again", with->user);
    return true;
}

/* ---- The lock ------------------------------------------------------------------------------------------ */

static struct confine *prepare(const struct options *options, struct error *error)
{
    struct confine_policy policy = { .spawn = options->sandbox.spawn,
                                     .privileges = options->sandbox.privileges,
                                     .resources = options->sandbox.resources,
                                     .obsolete = options->sandbox.obsolete };
    bool sdl = screen_wants_window(options);
    bool ok = add_devices(&policy, &options->machine) && add_named_files(&policy, options) &&
              add_chardevs(&policy, options) && add_networks(&policy, &options->machine) &&
              add_programs(&policy) && add_sound(&policy, &options->machine, &sdl) &&
              (!sdl || add_desktop(&policy)) && add_places(&policy, &options->sandbox);
    struct confine *confine = ok ? confine_prepare(&policy, error) : NULL;
    may_make_sockets = policy.sockets || policy.spawn;
    may_use_any_port = policy.any_port;
    may_spawn = policy.spawn;
    if (!ok)
        error_set(error, "sandbox: too many files and folders for its rules; -sandbox off does without");
    confine_policy_free(&policy);
    return confine;
}

/* Reports a missing layer of the kernel only to users who asked for the sandbox. */
static void tell_what_lacks(void)
{
    if (!status.files)
        log_warn("-sandbox on: this kernel has no Landlock, so files are not confined");
    else if (!status.tcp)
        log_warn("-sandbox on: this kernel's Landlock (version %d) does not confine TCP", status.landlock);
    if (!status.seccomp)
        log_warn("-sandbox on: this kernel has no seccomp, so system calls are not limited");
    if (status.strangers)
        log_warn("-sandbox on: %u threads of the window's libraries could not be kept from files",
                 status.strangers);
}

void sandbox_begin(const struct options *options)
{
    if (!options->sandbox.off)
        thread_gate_close();
}

bool sandbox_enter(const struct options *options, struct error *error)
{
    struct confine *confine = options->sandbox.off ? NULL : prepare(options, error);
    if (!options->sandbox.off && !confine)
        return false;
    if (!enter_root(&options->run_with, error) || !become_user(&options->run_with, error) ||
        (confine && !confine_lock(confine, &status, error)))
        return false;
    if (options->sandbox.asked)
        tell_what_lacks();
    return true;
}

/* ---- What is in force ---------------------------------------------------------------------------------- */

const char *sandbox_hint(int number)
{
    static char text[sizeof(places) + 160];
    if (!status.files || (number != EACCES && number != EXDEV))
        return "";
    snprintf(text, sizeof(text),
             " (the sandbox lets commands write in: %s; -sandbox on,folder=FOLDER adds a folder)",
             *places ? places : "no folder");
    return text;
}

const char *sandbox_image_hint(int number)
{
    if (!status.files || (number != EACCES && number != EXDEV))
        return "";
    return " (the sandbox lets only those images be opened that the command line names; -sandbox "
           "on,folder=FOLDER adds those in a folder)";
}

bool sandbox_may_listen(bool tcp)
{
    return (!status.seccomp || may_make_sockets) && (!tcp || !status.tcp || may_use_any_port);
}

bool sandbox_is_on(void)
{
    return status.locked;
}

bool sandbox_may_spawn(void)
{
    return !status.locked || may_spawn;
}

void sandbox_print(FILE *out)
{
    if (!status.locked) {
        fprintf(out, "sandbox: off\n");
        return;
    }
    fprintf(out, "sandbox: on\nno_new_privs: on\n");
    fprintf(out, "files (Landlock): %s\n", status.files ? "on" : "off: this kernel has no Landlock");
    fprintf(out, "TCP (Landlock): %s\n", status.tcp ? "on" : "off: this kernel's Landlock is too old");
    fprintf(out, "signals, abstract sockets (Landlock): %s\n", status.scopes ? "on" : "off");
    fprintf(out, "system calls (seccomp): %s\n", status.seccomp ? "on" : "off: this kernel has no seccomp");
    if (status.strangers)
        fprintf(out, "threads of libraries without Landlock: %u\n", status.strangers);
    fprintf(out, "commands may write in: %s\n", places);
}
