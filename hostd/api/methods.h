/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each method of org.genkan.Manager1 does. Its caller has been identified and has the role that
 * the method needs (roles.h); whose disposable or run it may touch is checked here. Main thread. */
#pragma once

#include "hostd/api/call.h"

/* Carries the call out and replies to it; FALSE with @error set and no reply where it cannot. */
gboolean gk_method_call (const char *method, GkCall *call, GError **error);

/* For the test that holds this table against the interface. */
gboolean gk_method_exists (const char *method);
