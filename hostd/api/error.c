/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/api/error.h"

#include <assert.h>

static const GDBusErrorEntry entries[] = {
    {GK_API_ERROR_FAILED,     "org.genkan.Error.Failed"  },
    { GK_API_ERROR_USAGE,     "org.genkan.Error.Usage"   },
    { GK_API_ERROR_REFUSED,   "org.genkan.Error.Refused" },
    { GK_API_ERROR_NOT_FOUND, "org.genkan.Error.NotFound"},
    { GK_API_ERROR_NO_DAEMON, "org.genkan.Error.NoDaemon"},
};

static const int exit_codes[] = {
    [GK_API_ERROR_FAILED] = 1,    [GK_API_ERROR_USAGE] = 2,     [GK_API_ERROR_REFUSED] = 3,
    [GK_API_ERROR_NOT_FOUND] = 5, [GK_API_ERROR_NO_DAEMON] = 4,
};

static_assert (G_N_ELEMENTS (entries) == G_N_ELEMENTS (exit_codes), "each error has an exit code");

GQuark
gk_api_error_quark (void)
{
    static gsize quark;

    g_dbus_error_register_error_domain ("genkan-api-error", &quark, entries,
                                        G_N_ELEMENTS (entries));
    return (GQuark) quark;
}

int
gk_api_error_exit_code (const GError *error)
{
    return error->domain == GK_API_ERROR ? exit_codes[error->code] : 1;
}

const char *
gk_api_error_name (GkApiError code)
{
    return entries[code].dbus_error_name;
}

gboolean
gk_api_error_from_name (const char *name, GkApiError *ret_code)
{
    for (gsize i = 0; i < G_N_ELEMENTS (entries); i++)
        if (g_strcmp0 (name, entries[i].dbus_error_name) == 0) {
            *ret_code = (GkApiError) entries[i].error_code;
            return TRUE;
        }
    return FALSE;
}
