/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of a run: what its ledger says, in the form of DESIGN.md. A report is a pure function of
 * the ledger, so that whoever has one can check the other. Any thread. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

/* Returns: (transfer full): the report of the run in @folder, whose ledger's chain holds; %NULL with
 * @error set where it does not (G_IO_ERROR_INVALID_DATA) or there is none (G_IO_ERROR_NOT_FOUND) */
JsonObject *gk_report_build (const char *folder, GError **error);

/* The one that was saved in @folder, or, where none was, one that is built. */
JsonObject *gk_report_read (const char *folder, GError **error);

/* Writes it as `report.json`. */
gboolean gk_report_save (JsonObject *report, const char *folder, GError **error);
