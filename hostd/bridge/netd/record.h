/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests' attempts, made few: what is like an attempt of the same second is counted with it, and a
 * guest that makes too many different ones gets one event that says how many more they were. So no
 * flood fills a disk, and nothing goes uncounted. Noise of one kind takes no room from the other,
 * nor repeated noise from what is new.
 *
 * The first of a kind is reported at once; the others of its second at the next gk_record_tick(),
 * which the owner calls once a second. Main thread. */
#pragma once

#include <glib.h>

typedef struct {
    gboolean query;   /* a DNS question, else a flow */
    char name[256];   /* question */
    char type[16];    /* question */
    char protocol[8]; /* flow: as GkFlow has it; `any` where @rule is GK_RECORD_OVER */
    char destination[16];
    guint port;
    gboolean allowed;
    const char *rule; /* static */
    guint64 count, bytes;
} GkAttempt;

/* The rule of the event that counts attempts beyond the limit. */
#define GK_RECORD_OVER "over limit"

/* Different attempts a second of one guest that are told, of flows and of questions each; and beyond
 * them those for a destination, or a name, that this guest has not tried. */
enum { GK_RECORD_LIMIT = 100, GK_RECORD_NEWS = 100 };

typedef struct {
    void (*report) (const char *vm, const GkAttempt *attempt, gpointer data);
    /* How many packets of @vm the rules have refused, since it was added, without telling. */
    guint64 (*get_unrecorded) (const char *vm, gpointer data);
    gpointer data;
} GkRecordFuncs;

typedef struct _GkRecord GkRecord;

GkRecord *gk_record_new (const GkRecordFuncs *funcs);
void gk_record_free (GkRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkRecord, gk_record_free)

/* One attempt (@attempt->count is 1). */
void gk_record_add (GkRecord *record, const char *vm, const GkAttempt *attempt);

void gk_record_tick (GkRecord *record);

/* Reports what is pending of @vm, and forgets it. */
void gk_record_finish (GkRecord *record, const char *vm);
