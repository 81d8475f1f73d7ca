/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/clamd.h"

#include "base/escape.h"
#include "base/fd.h"
#include "hostd/share/clamd-canary.h"

#include <gio/gunixfdmessage.h>
#include <gio/gunixsocketaddress.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum {
    REPLY_MAX = 4096,
    BUSY_RETRY_US = 20 * 1000,
    VERSION_TIMEOUT_MS = 3000,
    SECONDS_A_DAY = 86400
};

/* One question to clamd, and the time until which all of it must be over. */
typedef struct {
    GSocket *socket;
    gint64 deadline;
    GCancellable *cancellable;
} Talk;

void
gk_clamd_answer_clear (GkClamdAnswer *answer)
{
    g_clear_pointer (&answer->what, g_free);
}

/* What clamd reports under these names it did not look into, or only guessed at. The first that
 * fits; the last fits all. */
static const struct {
    const char *prefix;
    GkVerdict verdict;
} names[] = {
    {"Heuristics.Encrypted.",       GK_VERDICT_UNSCANNABLE},
    { "Heuristics.Limits.Exceeded", GK_VERDICT_UNSCANNABLE},
    { "Heuristics.",                GK_VERDICT_SUSPICIOUS },
    { "PUA.",                       GK_VERDICT_SUSPICIOUS },
    { "",                           GK_VERDICT_MALICIOUS  },
};

static GkClamdAnswer
found (const char *name, gsize size)
{
    guint i = 0;

    while (strncmp (name, names[i].prefix, strlen (names[i].prefix)) != 0)
        i++;
    return (GkClamdAnswer) { names[i].verdict, gk_escape (name, (gssize) size) };
}

static GkClamdAnswer
not_understood (const char *reply)
{
    g_autofree char *shown = gk_escape (reply, (gssize) strnlen (reply, 200));

    return (GkClamdAnswer) { GK_VERDICT_ERROR, g_strdup_printf ("clamd answered '%s'", shown) };
}

/* `fd[12]: OK`, `fd[12]: Some.Name FOUND`, `fd[12]: Some reason ERROR`; nothing else is an answer.
 */
GkClamdAnswer
gk_clamd_read_answer (const char *reply)
{
    static const char head[] = "fd[", found_tail[] = " FOUND";
    const char *at = reply + strlen (head);
    gsize digits;

    if (!g_str_has_prefix (reply, head))
        return not_understood (reply);
    digits = strspn (at, "0123456789");
    if (digits == 0 || !g_str_has_prefix (at + digits, "]: "))
        return not_understood (reply);
    at += digits + strlen ("]: ");
    if (g_str_equal (at, "OK"))
        return (GkClamdAnswer) { GK_VERDICT_CLEAN, NULL };
    if (g_str_has_suffix (at, found_tail) && strlen (at) > strlen (found_tail))
        return found (at, strlen (at) - strlen (found_tail));
    return not_understood (reply);
}

static gboolean
wait_for (Talk *talk, GIOCondition condition, GError **error)
{
    gint64 left = talk->deadline - g_get_monotonic_time ();
    g_autoptr (GError) local = NULL;

    if (left > 0 &&
        g_socket_condition_timed_wait (talk->socket, condition, left, talk->cancellable, &local))
        return TRUE;
    if (local && !g_error_matches (local, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        g_propagate_error (error, g_steal_pointer (&local));
    else
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "clamd took too long");
    return FALSE;
}

/* A full queue of a busy clamd is EAGAIN for local sockets, and nothing to poll for. */
static gboolean
dial (Talk *talk, const char *path, GError **error)
{
    g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);

    for (;;) {
        g_autoptr (GError) local = NULL;

        if (g_socket_connect (talk->socket, address, talk->cancellable, &local))
            return TRUE;
        if (!g_error_matches (local, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK) ||
            g_get_monotonic_time () + BUSY_RETRY_US > talk->deadline) {
            g_propagate_error (error, g_steal_pointer (&local));
            return FALSE;
        }
        g_usleep (BUSY_RETRY_US);
    }
}

/* @bytes, with the descriptor @fd beside them unless it is -1. */
static gboolean
say (Talk *talk, const char *bytes, gsize size, int fd, GError **error)
{
    g_autoptr (GSocketControlMessage) message = g_unix_fd_message_new ();
    GOutputVector vector = { bytes, size };

    if (fd >= 0 && !g_unix_fd_message_append_fd (G_UNIX_FD_MESSAGE (message), fd, error))
        return FALSE;
    while (vector.size > 0) {
        g_autoptr (GError) local = NULL;
        gssize n = g_socket_send_message (talk->socket, NULL, &vector, 1, &message, fd >= 0, 0,
                                          talk->cancellable, &local);

        if (n < 0 && !g_error_matches (local, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
            g_propagate_error (error, g_steal_pointer (&local));
            return FALSE;
        }
        if (n < 0 && !wait_for (talk, G_IO_OUT, error))
            return FALSE;
        vector.buffer = (const char *) vector.buffer + MAX (n, 0);
        vector.size -= (gsize) MAX (n, 0);
    }
    return TRUE;
}

/* One whole reply: up to its NUL, which must be the last byte. */
static char *
hear (Talk *talk, GError **error)
{
    char reply[REPLY_MAX];
    gsize got = 0;

    while (got < sizeof reply && !memchr (reply, '\0', got)) {
        g_autoptr (GError) local = NULL;
        gssize n;

        if (!wait_for (talk, G_IO_IN, error))
            return NULL;
        n = g_socket_receive (talk->socket, reply + got, sizeof reply - got, talk->cancellable,
                              &local);
        if (n < 0 && g_error_matches (local, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
            continue;
        if (n < 0) {
            g_propagate_error (error, g_steal_pointer (&local));
            return NULL;
        }
        if (n == 0)
            break;
        got += (gsize) n;
    }
    if (got == 0 || memchr (reply, '\0', got) != reply + got - 1) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT,
                             "clamd's answer was cut off or too long");
        return NULL;
    }
    return g_strdup (reply);
}

/* Returns: clamd's reply to @command (with its NUL), about @fd unless that is -1 */
static char *
ask (const char *path, const char *command, int fd, gint64 deadline, GCancellable *cancellable,
     GError **error)
{
    g_autoptr (GSocket) socket =
        g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, error);
    Talk talk = { socket, deadline, cancellable };

    if (!socket)
        return NULL;
    if (strlen (path) >= sizeof ((struct sockaddr_un *) NULL)->sun_path) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
                             "the socket's path is too long");
        return NULL;
    }
    g_socket_set_blocking (socket, FALSE);
    /* The descriptor comes with a byte of its own, as clamd reads it apart from the command. */
    if (!dial (&talk, path, error) || !say (&talk, command, strlen (command) + 1, -1, error) ||
        (fd >= 0 && !say (&talk, "", 1, fd, error)))
        return NULL;
    return hear (&talk, error);
}

static gint64
deadline_in (guint timeout_ms)
{
    return g_get_monotonic_time () + (gint64) timeout_ms * 1000;
}

static gboolean
ask_about (const char *path, int fd, gint64 deadline, GCancellable *cancellable, GkClamdAnswer *ret,
           GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autofree char *reply = ask (path, "zFILDES", fd, deadline, cancellable, &local);

    if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        g_propagate_error (error, g_steal_pointer (&local));
        return FALSE;
    }
    if (reply)
        *ret = gk_clamd_read_answer (reply);
    else
        *ret =
            (GkClamdAnswer) { GK_VERDICT_ERROR, g_strdup_printf ("no answer from clamd at %s: %s",
                                                                 path, local->message) };
    return TRUE;
}

/* Sets @answer to `error` where clamd does not call the canary unscannable. */
static gboolean
try_canary (const char *path, GkClamdCanary canary, gint64 deadline, GCancellable *cancellable,
            GkClamdAnswer *answer, GError **error)
{
    gk_autofd int fd = gk_clamd_canary_open (canary, error);
    g_auto (GkClamdAnswer) said = { 0 };

    if (fd < 0 || !ask_about (path, fd, deadline, cancellable, &said, error))
        return FALSE;
    if (said.verdict == GK_VERDICT_UNSCANNABLE)
        return TRUE;
    gk_clamd_answer_clear (answer);
    *answer = (GkClamdAnswer) {
        GK_VERDICT_ERROR,
        g_strdup_printf ("clamd's OK is worth nothing, as it does not report %s (%s): %s",
                         gk_clamd_canary_what (canary), said.what ? said.what : "OK",
                         gk_clamd_canary_advice (canary)),
    };
    return TRUE;
}

gboolean
gk_clamd_scan (const char *socket, int fd, guint timeout_ms, GCancellable *cancellable,
               GkClamdAnswer *ret, GError **error)
{
    gint64 deadline = deadline_in (timeout_ms);
    g_auto (GkClamdAnswer) answer = { 0 };

    if (!ask_about (socket, fd, deadline, cancellable, &answer, error))
        return FALSE;
    for (guint i = 0; i < GK_CLAMD_N_CANARIES && answer.verdict == GK_VERDICT_CLEAN; i++)
        if (!try_canary (socket, i, deadline, cancellable, &answer, error))
            return FALSE;
    *ret = answer;
    answer = (GkClamdAnswer) { 0 };
    return TRUE;
}

char *
gk_clamd_version (const char *socket, GError **error)
{
    gint64 deadline = deadline_in (VERSION_TIMEOUT_MS);
    g_autofree char *reply = ask (socket, "zVERSION", -1, deadline, NULL, error);

    if (!reply) {
        g_prefix_error (error, "no answer from clamd at %s: ", socket);
        return NULL;
    }
    return gk_escape (reply, -1);
}

int
gk_clamd_signatures_age (const char *version, gint64 now)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const char *date = strrchr (version, '/'), *found;
    char month[4] = "";
    int day, hour, minute, second, year;
    g_autoptr (GDateTime) made = NULL;

    if (!date || sscanf (date + 1, "%*3s %3[A-Za-z] %d %d:%d:%d %d", month, &day, &hour, &minute,
                         &second, &year) != 6)
        return -1;
    found = strlen (month) == 3 ? strstr (months, month) : NULL;
    if (!found || (found - months) % 3)
        return -1;
    made = g_date_time_new_utc (year, (int) (found - months) / 3 + 1, day, hour, minute, second);
    if (!made)
        return -1;
    /* One that claims to be of the future is as good as of now. */
    return (int) (MAX (now - g_date_time_to_unix (made), 0) / SECONDS_A_DAY);
}

gboolean
gk_clamd_check_signatures (const char *socket, guint days, GError **error)
{
    g_autofree char *version = gk_clamd_version (socket, error);
    int age;

    if (!version)
        return FALSE;
    age = gk_clamd_signatures_age (version, g_get_real_time () / G_USEC_PER_SEC);
    if (age >= 0 && age <= (int) days)
        return TRUE;
    if (age < 0)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                     "clamd does not say how old its signatures are (%s): run freshclam, or set "
                     "[scan] signature-days=0 in genkand.conf",
                     version);
    else
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                     "clamd's signatures are %d days old, and may be %u: run freshclam", age, days);
    return FALSE;
}
