/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/machine/pressure.h"

#include <gio/gio.h>

static const char meminfo[] = "MemTotal:       24576000 kB\n"
                              "MemFree:          100000 kB\n"
                              "MemAvailable:     317440 kB\n"
                              "Buffers:            4096 kB\n";
static const char psi[] = "some avg10=12.34 avg60=0.00 avg300=0.00 total=4711\n"
                          "full avg10=3.21 avg60=0.00 avg300=0.00 total=42\n";

static void
test_what_the_kernel_writes_is_read (void)
{
    GkPressure pressure;

    g_assert_true (gk_pressure_parse (meminfo, psi, &pressure, NULL));
    g_assert_cmpuint (pressure.total, ==, 24000ull << 20);
    g_assert_cmpuint (pressure.available, ==, 310ull << 20);
    g_assert_true (pressure.has_psi);
    g_assert_cmpfloat (pressure.some_avg10, ==, 12.34);
    g_assert_cmpfloat (pressure.full_avg10, ==, 3.21);
    g_assert_true (gk_pressure_parse (meminfo, NULL, &pressure, NULL));
    g_assert_false (pressure.has_psi);
    g_assert_cmpfloat (pressure.some_avg10, ==, 0);
}

static void
test_other_text_is_an_error (void)
{
    static const struct {
        const char *meminfo, *psi;
    } cases[] = {
        {"",                                                         psi                                               },
        { "MemTotal: 1 kB\n",                                        psi                                               },
        { "MemAvailable: 1 kB\n",                                    psi                                               },
        { "MemTotal: kB\nMemAvailable: 1 kB\n",                      psi                                               },
        { "MemTotal: 1 MB\nMemAvailable: 1 kB\n",                    psi                                               },
        { "xMemTotal: 1 kB\nMemAvailable: 1 kB\n",                   psi                                               },
        { "MemTotal: 99999999999999999999 kB\nMemAvailable: 1 kB\n", psi                                               },
        { meminfo,                                                   ""                                                },
        { meminfo,                                                   "some avg10=1.00 avg60=0.00 avg300=0.00 total=1\n"},
        { meminfo,                                                   "some avg10= avg60=0\nfull avg10=1 avg60=0\n"     },
        { meminfo,                                                   "some avg10=-1 avg60=0\nfull avg10=1 avg60=0\n"   },
        { meminfo,                                                   "some avg10=nan avg60=0\nfull avg10=1 avg60=0\n"  },
        { meminfo,                                                   "some avg10=101 avg60=0\nfull avg10=1 avg60=0\n"  },
    };
    GkPressure pressure = { .total = 7 };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;

        g_assert_false (gk_pressure_parse (cases[i].meminfo, cases[i].psi, &pressure, &error));
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
        g_assert_cmpuint (pressure.total, ==, 7);
    }
}

static void
test_pressure_says_why (void)
{
    static const struct {
        GkPressure pressure;
        const char *why;
    } cases[] = {
        {{ 24ull << 30, 8ull << 30, 0, 0, TRUE },       NULL  },
        { { 24ull << 30, 8ull << 30, 9.9, 4.9, TRUE },  NULL  },
        { { 24ull << 30, 512ull << 20, 0, 0, FALSE },   NULL  },
        { { 24ull << 30, 310ull << 20, 0, 0, FALSE },
         "only 310 MiB of memory are available, less than 512"},
        { { 24ull << 30, 310ull << 20, 50, 40, TRUE },
         "only 310 MiB of memory are available, less than 512"},
        { { 24ull << 30, 8ull << 30, 12.3, 0.5, TRUE },
         "tasks wait for memory 12 % of the time (PSI)"       },
        { { 24ull << 30, 8ull << 30, 8, 6, TRUE },
         "all tasks wait for memory 6 % of the time (PSI)"    },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *why = NULL;

        g_assert_cmpint (gk_pressure_is_high (&cases[i].pressure, 512 << 20, &why), ==,
                         cases[i].why != NULL);
        g_assert_cmpstr (why, ==, cases[i].why);
        g_assert_cmpint (gk_pressure_is_high (&cases[i].pressure, 512 << 20, NULL), ==,
                         cases[i].why != NULL);
    }
}

static void
test_this_host_is_read (void)
{
    g_autoptr (GError) error = NULL;
    GkPressure pressure = { 0 };

    gk_pressure_read (&pressure, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (pressure.available, >, 0);
    g_assert_cmpuint (pressure.total, >, pressure.available);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/pressure/what-the-kernel-writes-is-read",
                     test_what_the_kernel_writes_is_read);
    g_test_add_func ("/pressure/other-text-is-an-error", test_other_text_is_an_error);
    g_test_add_func ("/pressure/says-why-it-is-high", test_pressure_says_why);
    g_test_add_func ("/pressure/this-host-is-read", test_this_host_is_read);
    return g_test_run ();
}
