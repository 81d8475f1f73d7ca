/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest-unique HOSTNAME MACHINE-ID UNIX-TIME-NANOSECONDS SEED-HEX NETWORK [MOUNT…]: makes a clone
 * of a warm state one of its own, before anybody uses it. NETWORK is ADDRESS/PREFIX,GATEWAY, which
 * the NIC is given, or `-`; MOUNTs are folders that stand in /etc/fstab. It waits until the NIC is
 * there and all of them are mounted: the host plugs them in before or meanwhile.
 *
 * guest-unique --wait FIFO: makes FIFO, and does it for whoever writes those words there, a line
 * with blanks between them. Started before the state is saved: a clone under emulation takes longer
 * to start a program than for all that this one does.
 *
 * Debian 12's kernel has no driver for the VM generation id: its random numbers are the same in all
 * clones until RNDRESEEDCRNG.
 *
 * Exit: 0 all of that is done; 1 something is not (it says what); 2 wrong usage. */
#include "images/guest/guest.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DRIVER "/sys/bus/virtio/drivers/virtiofs"

enum {
    HOSTNAME_MAX = 63,
    MACHINE_ID_LENGTH = 32,
    SEED_MIN = 16,
    SEED_MAX = 512,
    MOUNTS_MAX = 8,
    WAIT_MS = 15000,
    PAUSE_MS = 10,
    HOSTS_MAX = 64 << 10,
    FIRST_MOUNT = 6,
    WORDS_MAX = FIRST_MOUNT - 1 + MOUNTS_MAX,
    LINE_SIZE = 4096,
};

/* A line of /etc/fstab. */
typedef struct {
    const char *target;
    char *source, *type;
    unsigned long flags;
    bool mounted;
    int code; /* errno of the last attempt; 0: there was none */
} Mount;

static const struct {
    const char *name;
    unsigned long flag;
} options[] = {
    {"ro",        MS_RDONLY},
    { "nosuid",   MS_NOSUID},
    { "nodev",    MS_NODEV },
    { "noexec",   MS_NOEXEC},
    { "rw",       0        },
    { "noauto",   0        },
    { "defaults", 0        },
};

/* --- the arguments --------------------------------------------------------------------------- */

static bool
is_made_of (const char *text, size_t least, size_t most, int (*belongs) (int))
{
    size_t length = strlen (text);

    if (length < least || length > most)
        return false;
    while (*text)
        if (!belongs ((unsigned char) *text++))
            return false;
    return true;
}

static int
is_lower_hex (int c)
{
    return isdigit (c) || (c >= 'a' && c <= 'f');
}

static int
is_of_host_name (int c)
{
    return isalnum (c) || c == '-';
}

static bool
are_valid (int argc, char **argv)
{
    GuestNetwork network;

    if (argc < FIRST_MOUNT || argc > FIRST_MOUNT + MOUNTS_MAX || argv[1][0] == '-' ||
        !is_made_of (argv[1], 1, HOSTNAME_MAX, is_of_host_name) ||
        !is_made_of (argv[2], MACHINE_ID_LENGTH, MACHINE_ID_LENGTH, is_lower_hex) ||
        !guest_is_time (argv[3]) ||
        !is_made_of (argv[4], 2 * (size_t) SEED_MIN, 2 * (size_t) SEED_MAX, isxdigit) ||
        strlen (argv[4]) % 2 != 0)
        return false;
    if (strcmp (argv[5], "-") != 0 && !guest_network_parse (argv[5], &network))
        return false;
    for (int i = FIRST_MOUNT; i < argc; i++)
        if (argv[i][0] != '/')
            return false;
    return true;
}

/* --- what no other has ----------------------------------------------------------------------- */

static bool
stir (const char *hex)
{
    unsigned char seed[SEED_MAX];
    size_t size = strlen (hex) / 2;
    int fd = open ("/dev/urandom", O_RDWR | O_CLOEXEC);
    bool ok;

    for (size_t i = 0; i < size; i++)
        sscanf (hex + 2 * i, "%2hhx", &seed[i]);
    ok = fd >= 0 && write (fd, seed, size) == (ssize_t) size && ioctl (fd, RNDRESEEDCRNG) == 0;
    if (!ok)
        guest_fail (errno, "cannot stir the kernel's random numbers");
    if (fd >= 0)
        close (fd);
    return ok;
}

static bool
replace (const char *path, const char *text)
{
    FILE *file = fopen (path, "we");
    bool ok = file && fputs (text, file) >= 0;

    ok = file && fclose (file) == 0 && ok;
    return ok || guest_fail (errno, "cannot write %s", path);
}

/* Returns: the length of what was read, a text */
static size_t
content (const char *path, char *text, size_t size)
{
    FILE *file = fopen (path, "re");
    size_t length = file ? fread (text, 1, size - 1, file) : 0;

    if (file)
        fclose (file);
    text[length] = '\0';
    return length;
}

/* The host's old name, as a word of /etc/hosts, becomes the new one. */
static bool
rename_in_hosts (const char *old, const char *new)
{
    static char before[HOSTS_MAX], after[2 * HOSTS_MAX];
    char *to = after;

    content ("/etc/hosts", before, sizeof before);
    for (const char *at = before; *at;) {
        size_t blanks = strspn (at, " \t\n"), word = strcspn (at + blanks, " \t\n");
        bool is_old = word == strlen (old) && strncmp (at + blanks, old, word) == 0;
        size_t room = sizeof after - (size_t) (to - after);
        int length = is_old ? snprintf (to, room, "%.*s%s", (int) blanks, at, new)
                            : snprintf (to, room, "%.*s", (int) (blanks + word), at);

        if (length < 0 || (size_t) length >= room)
            return guest_fail (0, "/etc/hosts is too long");
        to += length;
        at += blanks + word;
    }
    return replace ("/etc/hosts", after);
}

static bool
set_names (const char *name, const char *machine_id)
{
    char old[256], line[HOSTNAME_MAX + 2];
    bool ok = true;

    content ("/etc/hostname", old, sizeof old);
    old[strcspn (old, " \t\n")] = '\0';
    if (sethostname (name, strlen (name)) < 0)
        ok = guest_fail (errno, "cannot set the host name");
    snprintf (line, sizeof line, "%s\n", name);
    ok &= replace ("/etc/hostname", line);
    if (old[0])
        ok &= rename_in_hosts (old, name);
    snprintf (line, sizeof line, "%s\n", machine_id);
    return replace ("/etc/machine-id", line) && ok;
}

/* --- the devices ----------------------------------------------------------------------------- */

static bool
take_options (Mount *mount, char *text)
{
    char *rest = NULL;

    for (char *word = strtok_r (text, ",", &rest); word; word = strtok_r (NULL, ",", &rest)) {
        size_t i = 0;

        while (i < sizeof options / sizeof *options && strcmp (options[i].name, word) != 0)
            i++;
        if (i == sizeof options / sizeof *options)
            return guest_fail (0, "/etc/fstab: cannot handle option '%s' of %s", word,
                               mount->target);
        mount->flags |= options[i].flag;
    }
    return true;
}

static bool
is_mounted (const char *target)
{
    FILE *mounts = setmntent ("/proc/self/mounts", "re");
    struct mntent *entry;
    bool found = false;

    while (mounts && !found && (entry = getmntent (mounts)))
        found = strcmp (entry->mnt_dir, target) == 0;
    if (mounts)
        endmntent (mounts);
    return found;
}

static bool
plan (Mount *mount, const char *target)
{
    FILE *fstab = setmntent ("/etc/fstab", "re");
    struct mntent *entry;
    bool ok = false;

    mount->target = target;
    while (fstab && (entry = getmntent (fstab)))
        if (strcmp (entry->mnt_dir, target) == 0)
            break;
    if (fstab && entry) {
        mount->source = strdup (entry->mnt_fsname);
        mount->type = strdup (entry->mnt_type);
        ok = mount->source && mount->type && take_options (mount, entry->mnt_opts);
        mount->mounted = is_mounted (target); /* last: getmntent() has one buffer */
    } else {
        guest_fail (0, "%s does not stand in /etc/fstab", target);
    }
    if (fstab)
        endmntent (fstab);
    return ok;
}

static int
count_devices (void)
{
    DIR *dir = opendir (DRIVER);
    const struct dirent *entry;
    int devices = 0;

    while (dir && (entry = readdir (dir)))
        devices += strncmp (entry->d_name, "virtio", strlen ("virtio")) == 0;
    if (dir)
        closedir (dir);
    return devices;
}

/* The kernel logs each mount that comes too early, so none is tried while there are no more devices
 * than mounts. Returns: how many are missing */
static int
mount_what_came (Mount *mounts, int n)
{
    int devices = count_devices (), missing = 0;

    for (int i = 0; i < n; i++)
        missing += !mounts[i].mounted;
    if (devices <= n - missing)
        return missing;
    for (int i = 0; i < n; i++) {
        if (mounts[i].mounted)
            continue;
        if (mount (mounts[i].source, mounts[i].target, mounts[i].type, mounts[i].flags, "") == 0) {
            mounts[i].mounted = true;
            missing--;
        } else {
            mounts[i].code = errno;
        }
    }
    return missing;
}

static bool
wait_for_devices (bool nic, Mount *mounts, int n)
{
    const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
    char name[IFNAMSIZ];
    bool have_nic = !nic;
    int missing = n;

    for (int waited = 0; waited <= WAIT_MS && (!have_nic || missing > 0); waited += PAUSE_MS) {
        if (waited > 0)
            nanosleep (&pause, NULL);
        have_nic = have_nic || guest_nic_find (name);
        missing = missing > 0 ? mount_what_came (mounts, n) : 0;
    }
    for (int i = 0; i < n; i++)
        if (!mounts[i].mounted)
            guest_fail (mounts[i].code ? mounts[i].code : ENODEV, "cannot mount %s",
                        mounts[i].target);
    if (!have_nic)
        return guest_fail (0, "no NIC has come");
    return missing == 0;
}

/* @started: whether the time is that of this program's start */
static int
make_unique (int argc, char **argv, bool started)
{
    Mount mounts[MOUNTS_MAX] = { 0 };
    GuestNetwork network = { 0 };
    bool has_network, ok;
    int planned = 0;

    if (!are_valid (argc, argv)) {
        fputs ("usage: guest-unique HOSTNAME MACHINE-ID UNIX-TIME-NANOSECONDS SEED-HEX NETWORK|- "
               "[MOUNT...]\n"
               "       guest-unique --wait FIFO\n",
               stderr);
        return GUEST_WRONG_USE;
    }
    has_network = guest_network_parse (argv[5], &network);
    ok = guest_set_clock (argv[3], started);
    ok &= stir (argv[4]);
    ok &= set_names (argv[1], argv[2]);
    for (int i = FIRST_MOUNT; i < argc; i++) {
        if (plan (&mounts[planned], argv[i]))
            planned++;
        else
            ok = false;
    }
    ok &= wait_for_devices (has_network, mounts, planned);
    if (has_network)
        ok &= guest_network_apply (&network);
    return ok ? GUEST_OK : GUEST_FAILED;
}

/* Open for writing too, so that nobody's leaving is an end. Returns: whether a whole line was read
 */
static bool
read_line (const char *fifo, char *line, size_t size)
{
    int fd = open (fifo, O_RDWR | O_CLOEXEC);
    ssize_t length = 0, n = fd < 0 ? -1 : 1;

    while (n > 0 && (length == 0 || line[length - 1] != '\n') && (size_t) length < size) {
        n = read (fd, line + length, size - (size_t) length);
        length += n > 0 ? n : 0;
    }
    if (fd >= 0)
        close (fd);
    if (length == 0 || line[length - 1] != '\n')
        return guest_fail (errno, "no line has come by %s", fifo);
    line[length - 1] = '\0';
    return true;
}

static int
wait_and_make_unique (char *name, const char *fifo)
{
    static char line[LINE_SIZE];
    char *argv[WORDS_MAX + 2] = { name }, *rest = NULL;
    int argc = 1;

    unlink (fifo);
    if (mkfifo (fifo, 0600) < 0) {
        guest_fail (errno, "cannot make %s", fifo);
        return GUEST_FAILED;
    }
    if (!read_line (fifo, line, sizeof line))
        return GUEST_FAILED;
    unlink (fifo);
    for (char *word = strtok_r (line, " ", &rest); word && argc <= WORDS_MAX;
         word = strtok_r (NULL, " ", &rest))
        argv[argc++] = word;
    return make_unique (argc, argv, false);
}

int
main (int argc, char **argv)
{
    if (argc == 3 && strcmp (argv[1], "--wait") == 0)
        return wait_and_make_unique (argv[0], argv[2]);
    return make_unique (argc, argv, true);
}
