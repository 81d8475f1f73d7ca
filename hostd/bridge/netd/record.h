/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests' attempts, made few: what is like an attempt of the same second is counted with it, and a
 * guest that makes too many different ones gets one event that says how many more they were. So no
 * flood fills a disk, and nothing goes uncounted. Noise of one kind takes no room from the other,
 * nor repeated noise from what is new.
 *
 * The first of a kind is reported at once; the others of its second at the next gk_record_tick(),
 * which the owner calls once a second. Main thread. */
#pragma once

#include "templates/nft/nft.h"

#include <glib.h>

typedef struct {
    gboolean query;   /* a DNS question, else a flow */
    char name[256];   /* question */
    char type[16];    /* question */
    char protocol[8]; /* flow: as GkFlow has it; `any` where it only counts */
    char destination[16];
    guint port;
    gboolean allowed;
    const char *rule; /* static */
    guint64 count, bytes;
} GkAttempt;

/* The rules of the events that count what was not told: attempts beyond the limit, and packets
 * beyond the guest's rate. */
#define GK_RECORD_OVER "over limit"
#define GK_RECORD_RATE GK_NFT_RATE_LIMIT

/* Different attempts a second of one guest that are told, of flows and of questions each; and beyond
 * them those for a destination, or a name, that this guest has not tried. */
enum { GK_RECORD_LIMIT = 100, GK_RECORD_NEWS = 100 };

/* Seconds from one GK_RECORD_RATE of a guest to the next. */
enum { GK_RECORD_RATE_PAUSE = 5 };

typedef struct {
    void (*report) (const char *vm, const GkAttempt *attempt, gpointer data);
    /* What the rules have dropped of @vm without telling, since it was added; FALSE where nobody
     * knows. */
    gboolean (*count) (const char *vm, guint64 ret[GK_NFT_N_COUNTERS], gpointer data);
    gpointer data;
} GkRecordFuncs;

typedef struct _GkRecord GkRecord;

GkRecord *gk_record_new (const GkRecordFuncs *funcs);
void gk_record_free (GkRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkRecord, gk_record_free)

/* One attempt (@attempt->count is 1). */
void gk_record_add (GkRecord *record, const char *vm, const GkAttempt *attempt);

/* The guest was seen to send more than it may: how much is asked for at the next ticks. */
void gk_record_over_rate (GkRecord *record, const char *vm);

void gk_record_tick (GkRecord *record);

/* Reports what is pending of @vm, and forgets it. */
void gk_record_finish (GkRecord *record, const char *vm);
