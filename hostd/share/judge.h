/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How genkan-scan's finding, YARA's and clamd's answer make one judgement. Pure, any thread. */
#pragma once

#include "hostd/share/clamd.h"
#include "hostd/share/scanner.h"

/**
 * gk_judge:
 * @triage: genkan-scan's, checked
 * @rules: whether YARA's rules are configured: then they must have been tried, on all of the file
 * @clamd: (nullable): its answer; %NULL where none is configured
 * @ret: verdict, vouched and why are set; what is found suspicious or malicious by either stays so
 */
void gk_judge (JsonObject *triage, gboolean rules, const GkClamdAnswer *clamd, GkJudgement *ret);
