/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/guest/guest.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SHORTEST_TIME = 18, LONGEST_TIME = 19 };

static const int64_t SECOND = 1000000000;

bool
guest_is_time (const char *text)
{
    size_t digits = strspn (text, "0123456789");

    return digits >= SHORTEST_TIME && digits <= LONGEST_TIME && !text[digits] && text[0] != '0' &&
           strtoull (text, NULL, 10) <= INT64_MAX;
}

/* Returns: how long ago this process was started, nanoseconds; 0 where nobody tells */
static int64_t
own_age (void)
{
    char text[1024];
    unsigned long long started = 0;
    struct timespec now;
    FILE *file = fopen ("/proc/self/stat", "re");
    size_t size = file ? fread (text, 1, sizeof text - 1, file) : 0;
    const char *after_name;
    int64_t age;

    if (file)
        fclose (file);
    text[size] = '\0';
    after_name = strrchr (text, ')');
    if (!after_name ||
        sscanf (
            after_name,
            ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
            &started) != 1 ||
        clock_gettime (CLOCK_BOOTTIME, &now) < 0)
        return 0;
    age = now.tv_sec * SECOND + now.tv_nsec - (int64_t) started * (SECOND / sysconf (_SC_CLK_TCK));
    return age > 0 ? age : 0;
}

bool
guest_set_clock (const char *time, bool started)
{
    int64_t now = strtoll (time, NULL, 10) + (started ? own_age () : 0);
    struct timespec wanted = { .tv_sec = now / SECOND, .tv_nsec = now % SECOND };

    return clock_settime (CLOCK_REALTIME, &wanted) == 0 ||
           guest_fail (errno, "cannot set the clock");
}
