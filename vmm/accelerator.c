/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/accelerator.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "templates/domain/domain.h"
#include "vmm/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define ANSWER "accelerator.json"
#define LOCK "accelerator.lock"

enum { ANSWER_MAX = 4096 };

/* What the answer depends on. */
typedef struct {
    char *boot, *qemu, *cpu;
} Circumstances;

static void
circumstances_clear (Circumstances *here)
{
    g_free (here->boot);
    g_free (here->qemu);
    g_free (here->cpu);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Circumstances, circumstances_clear)

void
gk_acceleration_clear (GkAcceleration *acceleration)
{
    g_clear_pointer (&acceleration->cpu_model, g_free);
    g_clear_pointer (&acceleration->why, g_free);
}

/* Takes @why. */
static gboolean
answer (GkAcceleration *ret, gboolean kvm, char *why)
{
    ret->kvm = kvm;
    ret->cpu_model = g_strdup (kvm ? NULL : GK_DOMAIN_TCG_CPU);
    ret->why = why;
    return TRUE;
}

/* Returns: (transfer full): the line of @text after @key and a colon, or all of its first line */
static char *
line_after (const char *text, const char *key)
{
    const char *found = key ? strstr (text, key) : text;
    const char *start = found && key ? strchr (found, ':') : found;

    if (!start)
        return g_strdup ("unknown");
    if (key)
        start++;
    return g_strstrip (g_strndup (start, strcspn (start, "\n")));
}

/* Not by its size: a file of the kernel's says that it has none. */
static char *
read_line (const char *path, const char *key, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr (GError) local = NULL;

    if (g_file_get_contents (path, &text, NULL, &local))
        return line_after (text, key);
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, local->message);
    return NULL;
}

/* Which QEMU this is, without running it: asking its version would cost each start of a VM. */
static char *
identify_qemu (GError **error)
{
    struct stat st;

    if (stat (GK_PROBE_QEMU, &st) < 0) {
        gk_set_errno (error, errno, "cannot find " GK_PROBE_QEMU);
        return NULL;
    }
    return g_strdup_printf ("%" G_GINT64_FORMAT " bytes of %" G_GINT64_FORMAT, (gint64) st.st_size,
                            (gint64) st.st_mtime);
}

static gboolean
look_around (Circumstances *here, GError **error)
{
    here->boot = read_line ("/proc/sys/kernel/random/boot_id", NULL, error);
    if (!here->boot)
        return FALSE;
    here->cpu = read_line ("/proc/cpuinfo", "model name", error);
    if (!here->cpu)
        return FALSE;
    here->qemu = identify_qemu (error);
    return here->qemu != NULL;
}

/* FALSE where nothing is remembered, or of other circumstances. */
static gboolean
recall (int dir, const Circumstances *here, GkAcceleration *ret)
{
    g_autoptr (GBytes) bytes = gk_file_read (dir, ANSWER, ANSWER_MAX, NULL);
    g_autoptr (JsonObject) object = NULL;
    const char *why;

    if (!bytes)
        return FALSE;
    object =
        gk_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), ANSWER_MAX, NULL);
    why = gk_json_string (object, "why", NULL);
    if (!why || g_strcmp0 (gk_json_string (object, "boot", NULL), here->boot) != 0 ||
        g_strcmp0 (gk_json_string (object, "qemu", NULL), here->qemu) != 0 ||
        g_strcmp0 (gk_json_string (object, "cpu", NULL), here->cpu) != 0)
        return FALSE;
    return answer (ret, gk_json_bool (object, "kvm", FALSE), g_strdup (why));
}

static gboolean
remember (int dir, const Circumstances *here, gboolean kvm, const char *why, GError **error)
{
    g_autoptr (JsonObject) object = json_object_new ();
    g_autofree char *text = NULL;

    json_object_set_boolean_member (object, "kvm", kvm);
    gk_json_set_text (object, "why", why);
    gk_json_set_text (object, "boot", here->boot);
    gk_json_set_text (object, "qemu", here->qemu);
    gk_json_set_text (object, "cpu", here->cpu);
    text = gk_json_text (object, TRUE);
    return gk_file_replace (dir, ANSWER, text, strlen (text), 0644, error);
}

static gboolean
find_by_probe (const char *state_dir, const char *kernel, GCancellable *cancellable,
               GkAcceleration *ret, GError **error)
{
    gk_autofd int dir = gk_open_dir (state_dir, error);
    gk_autofd int lock = -1;
    g_auto (Circumstances) here = { 0 };
    g_autofree char *why = NULL;
    gboolean works = FALSE;

    if (dir < 0)
        return FALSE;
    /* One probe at a time in a state directory: the second finds the first one's answer. */
    lock = gk_lock_wait (dir, LOCK, cancellable, error);
    if (lock < 0 || !look_around (&here, error))
        return FALSE;
    if (recall (dir, &here, ret))
        return TRUE;
    if (!gk_probe ("kvm", "host", kernel, cancellable, &works, &why, error) ||
        !remember (dir, &here, works, why, error))
        return FALSE;
    return answer (ret, works, g_steal_pointer (&why));
}

gboolean
gk_acceleration_find (GkAccelerator wish, const char *state_dir, const char *kernel,
                      GCancellable *cancellable, GkAcceleration *ret, GError **error)
{
    gk_autofd int kvm = -1;

    if (wish == GK_ACCELERATOR_KVM)
        return answer (ret, TRUE, g_strdup ("the configuration asks for KVM"));
    if (wish == GK_ACCELERATOR_TCG)
        return answer (ret, FALSE, g_strdup ("the configuration asks for TCG"));
    kvm = open ("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0)
        return answer (ret, FALSE,
                       g_strdup_printf ("/dev/kvm cannot be opened: %s", g_strerror (errno)));
    return find_by_probe (state_dir, kernel, cancellable, ret, error);
}
