/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's migration stream, and the guest's memory in it.
 *
 * A stream is a head, then sections. The first section that is begun is `ram`; its parts hold a
 * record for each page of each memory block: address and flags, the block's name unless it is the
 * same as before, and the page, or one byte if all of it is zero. Behind its last part stand the
 * devices, which cannot be told apart without knowing each of them, and are copied as they are. */
#pragma once

#include "vmm/vmm.h"

/**
 * gk_ram_stream_strip:
 * @from: open file, at the stream's begin
 * @size: how long the stream is
 * @to: open file, written from where it is
 * @ret_written: how much of it
 *
 * Copies a stream without the zero pages of the guest's main memory (`pc.ram`), which is zero
 * before a stream is loaded; other blocks hold ROMs by then. Of a page that stands in the stream
 * twice, both records are kept. Takes about 2 MiB of memory, and 32 for each TiB of the guest's.
 *
 * Errors: GK_VMM_ERROR_FAILED for whatever is not understood up to the end of the memory, and for a
 * stream without its end; G_IO_ERROR.
 */
gboolean gk_ram_stream_strip (int from, guint64 size, int to, guint64 *ret_written,
                              GCancellable *cancellable, GError **error);
