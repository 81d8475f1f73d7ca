/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/agent-reply.h"

#include <string.h>

static const char *const nonsense[] = {
    "",
    "{",
    "[]",
    "null",
    "7",
    "{}",
    "{\"return\":null}",
    "{\"return\":[]}",
    "{\"return\":\"x\"}",
    "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"}}",
    "{\"return\":{\"return\":{}}}",
};

static const char *const hostile_pids[] = {
    "{\"return\":{}}",
    "{\"return\":{\"pid\":\"7\"}}",
    "{\"return\":{\"pid\":-1}}",
    "{\"return\":{\"pid\":7.5}}",
    "{\"return\":{\"pid\":true}}",
    "{\"return\":{\"pid\":null}}",
    "{\"return\":{\"pid\":[7]}}",
};

static const char *const hostile_handles[] = {
    "{\"return\":{}}",  "{\"return\":-1}",     "{\"return\":\"1000\"}",
    "{\"return\":1e3}", "{\"return\":[1000]}",
};

static const char *const hostile_exits[] = {
    "{\"return\":{}}",
    "{\"return\":{\"exited\":1}}",
    "{\"return\":{\"exited\":null,\"exitcode\":0}}",
    "{\"return\":{\"exited\":true}}",
    "{\"return\":{\"exited\":true,\"exitcode\":\"0\"}}",
    "{\"return\":{\"exited\":true,\"exitcode\":4294967296}}",
    "{\"return\":{\"exited\":true,\"exitcode\":0,\"signal\":-9}}",
    "{\"return\":{\"exited\":true,\"exitcode\":0,\"signal\":9999}}",
    "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":7}}",
    "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":null}}",
    "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":\"aGk\"}}",
    "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":\"a=k=\"}}",
    "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":\"a===\"}}",
    "{\"return\":{\"exited\":true,\"exitcode\":0,\"err-data\":\"aG k\"}}",
    "{\"return\":{\"exited\":true,\"exitcode\":0,\"err-data\":\"aG\\nk\"}}",
    "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":\"aGk=\",\"out-truncated\":\"no\"}}",
};

static const char *const hostile_bytes[] = {
    "{\"return\":{}}",
    "{\"return\":{\"count\":2,\"eof\":true}}",
    "{\"return\":{\"buf-b64\":7}}",
    "{\"return\":{\"buf-b64\":\"a-_=\"}}",
    "{\"return\":{\"buf-b64\":\"aaaaaaaaaaaaaaaa\"}}", /* twelve bytes, where eight were asked for
                                                        */
};

typedef gboolean (*Reader) (const char *reply, GError **error);

/* The outputs are filled with what no reply says, and must still hold it after a refusal. */
static gboolean
read_pid (const char *reply, GError **error)
{
    gint64 pid = -42;
    gboolean ok = gk_agent_reply_pid (reply, &pid, error);

    g_assert_true (ok || pid == -42);
    return ok;
}

static gboolean
read_handle (const char *reply, GError **error)
{
    gint64 handle = -42;
    gboolean ok = gk_agent_reply_handle (reply, &handle, error);

    g_assert_true (ok || handle == -42);
    return ok;
}

static gboolean
read_exit (const char *reply, GError **error)
{
    g_auto (GkAgentExit) exit = { .code = -42 };
    gboolean ok = gk_agent_reply_exit (reply, &exit, error);

    g_assert_true (ok || (exit.code == -42 && !exit.out && !exit.err));
    return ok;
}

static gboolean
read_bytes (const char *reply, GError **error)
{
    g_autoptr (GBytes) bytes = gk_agent_reply_bytes (reply, 8, error);

    return bytes != NULL;
}

static const struct {
    const char *name;
    Reader read;
    const char *const *replies;
    gsize n;
} hostile[] = {
    {"pid",     read_pid,    hostile_pids,    G_N_ELEMENTS (hostile_pids)   },
    { "handle", read_handle, hostile_handles, G_N_ELEMENTS (hostile_handles)},
    { "exit",   read_exit,   hostile_exits,   G_N_ELEMENTS (hostile_exits)  },
    { "bytes",  read_bytes,  hostile_bytes,   G_N_ELEMENTS (hostile_bytes)  },
};

static void
expect_refusal (Reader read, const char *reply)
{
    g_autoptr (GError) error = NULL;

    g_test_message ("%.80s", reply);
    g_assert_false (read (reply, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_AGENT);
}

static void
test_hostile (gconstpointer data)
{
    gsize kind = GPOINTER_TO_SIZE (data);

    for (gsize i = 0; i < G_N_ELEMENTS (nonsense); i++)
        expect_refusal (hostile[kind].read, nonsense[i]);
    for (gsize i = 0; i < hostile[kind].n; i++)
        expect_refusal (hostile[kind].read, hostile[kind].replies[i]);
}

static void
test_too_long (void)
{
    g_autofree char *blanks = g_strnfill (GK_AGENT_REPLY_MAX, ' ');
    g_autofree char *reply = g_strconcat ("{\"return\":{\"pid\":7}}", blanks, NULL);

    expect_refusal (read_pid, reply);
}

static void
test_too_deep (void)
{
    g_autofree char *brackets = g_strnfill (100000, '[');
    g_autofree char *reply = g_strconcat ("{\"return\":{\"pid\":", brackets, NULL);

    expect_refusal (read_pid, reply);
}

static const struct {
    const char *reply;
    gboolean exited, cut;
    int code;
    const char *out, *err;
} exits[] = {
    {"{\"return\":{\"exited\":false}}",                                                             FALSE, FALSE, 0,           NULL,  NULL},
    { "{\"return\":{\"exited\":true,\"exitcode\":3}}",                                              TRUE,  FALSE, 3,           NULL,  NULL},
    { "{\"return\":{\"exited\":true,\"exitcode\":-1073741819}}",                                    TRUE,  FALSE, -1073741819, NULL,
     NULL                                                                                                                                 },
    { "{\"return\":{\"exited\":true,\"signal\":9}}",                                                TRUE,  FALSE, 137,         NULL,  NULL},
    { "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":\"aGk=\",\"err-data\":\"\"}}",      TRUE,
     FALSE,                                                                                                       0,           "hi",  ""  },
    { "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":\"aGlo\",\"out-truncated\":true}}",
     TRUE,                                                                                                 TRUE,  0,           "hih", NULL},
};

static void
expect_text (GBytes *bytes, const char *wanted)
{
    g_assert_true ((bytes == NULL) == (wanted == NULL));
    if (wanted)
        g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), wanted,
                         strlen (wanted));
}

static void
test_honest (void)
{
    g_autoptr (GBytes) bytes =
        gk_agent_reply_bytes ("{\"return\":{\"buf-b64\":\"aGk=\"}}", 2, NULL);
    gint64 pid = 0, handle = 0;

    for (gsize i = 0; i < G_N_ELEMENTS (exits); i++) {
        g_auto (GkAgentExit) exit = { 0 };
        g_autoptr (GError) error = NULL;

        gk_agent_reply_exit (exits[i].reply, &exit, &error);
        g_assert_no_error (error);
        g_assert_cmpint (exit.exited, ==, exits[i].exited);
        g_assert_cmpint (exit.code, ==, exits[i].code);
        g_assert_cmpint (exit.cut, ==, exits[i].cut);
        expect_text (exit.out, exits[i].out);
        expect_text (exit.err, exits[i].err);
    }
    g_assert_true (gk_agent_reply_pid ("{\"return\":{\"pid\":219}}", &pid, NULL));
    g_assert_cmpint (pid, ==, 219);
    g_assert_true (gk_agent_reply_handle ("{\"return\":1000}", &handle, NULL));
    g_assert_cmpint (handle, ==, 1000);
    expect_text (bytes, "hi");
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS (hostile); i++) {
        g_autofree char *path = g_strdup_printf ("/agent/refuses-a-hostile-%s", hostile[i].name);

        g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_hostile);
    }
    g_test_add_func ("/agent/refuses-what-is-too-long", test_too_long);
    g_test_add_func ("/agent/refuses-what-is-too-deep", test_too_deep);
    g_test_add_func ("/agent/reads-honest-replies", test_honest);
    return g_test_run ();
}
