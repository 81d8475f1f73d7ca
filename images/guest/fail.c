/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/guest/guest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool
guest_fail (int code, const char *format, ...)
{
    va_list args;

    fprintf (stderr, "%s: ", program_invocation_short_name);
    va_start (args, format);
    vfprintf (stderr, format, args);
    va_end (args);
    fprintf (stderr, "%s%s\n", code ? ": " : "", code ? strerror (code) : "");
    return false;
}
