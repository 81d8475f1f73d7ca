/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The errors that callers of genkand see: few, each with an exit code of the command line. */
#pragma once

#include <gio/gio.h>

#define GK_API_ERROR (gk_api_error_quark ())
GQuark gk_api_error_quark (void);

typedef enum {
    GK_API_ERROR_FAILED,
    GK_API_ERROR_USAGE,
    GK_API_ERROR_REFUSED,
    GK_API_ERROR_NOT_FOUND,
    GK_API_ERROR_NO_DAEMON, /* made by the client alone */
} GkApiError;

/* The exit code of DESIGN.md that goes with @error, whatever its domain. */
int gk_api_error_exit_code (const GError *error);

/* Returns: (transfer none): the D-Bus name of @code, `org.genkan.Error.Refused` */
const char *gk_api_error_name (GkApiError code);

/* FALSE where @name is none of ours. */
gboolean gk_api_error_from_name (const char *name, GkApiError *ret_code);
