/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/cli/client.h"

static void
print_image (JsonObject *image)
{
    static const char *const members[] = { "name",        "version", "digest",
                                           "description", "built",   "user" };

    for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
        printf ("%-12s %s\n", members[i], gk_json_string (image, members[i], "-"));
    printf ("%-12s %" G_GINT64_FORMAT " MiB\n", "memory", gk_json_int (image, "memory_mib", 0));
    printf ("%-12s %" G_GINT64_FORMAT "\n", "vcpus", gk_json_int (image, "vcpus", 0));
    printf ("%-12s %s\n", "display", gk_json_bool (image, "display", FALSE) ? "yes" : "no");
}

static void
print_images (JsonArray *images)
{
    guint length = json_array_get_length (images);

    if (length == 0)
        printf ("there is no image: 'genkan image build debian-wine' makes one\n");
    for (guint i = 0; i < length; i++) {
        JsonObject *image = gk_json_element (images, i);

        printf ("%-14s %-8s %.19s  %s\n", gk_json_string (image, "name", ""),
                gk_json_string (image, "version", ""), gk_json_string (image, "digest", ""),
                gk_json_string (image, "description", ""));
    }
}

static int
list (GkCli *cli, const char *word, GError **error)
{
    GkClientCall call = { "ImageList", NULL, -1 };
    g_autoptr (JsonArray) images = gk_client_array (cli, &call, error);

    if (!images)
        return 1;
    if (cli->json)
        gk_cli_print_array (images);
    else
        print_images (images);
    return 0;
}

static int
show_result (GkCli *cli, JsonObject *image)
{
    g_autoptr (JsonObject) owned = image;

    if (!image)
        return 1;
    if (cli->json)
        gk_cli_print_object (image);
    else
        print_image (image);
    return 0;
}

static int
show (GkCli *cli, const char *word, GError **error)
{
    GkClientCall call = { "ImageShow", g_variant_new ("(s)", word), -1 };

    return show_result (cli, gk_client_object (cli, &call, error));
}

static int
build (GkCli *cli, const char *word, GError **error)
{
    GkClientCall call = { "ImageBuild", g_variant_new ("(s)", word), -1 };

    return show_result (cli, gk_client_job (cli, &call, error));
}

static int
warm (GkCli *cli, const char *word, GError **error)
{
    GkClientCall call = { "ImageWarm", g_variant_new ("(s)", word), -1 };
    g_autoptr (JsonObject) result = gk_client_job (cli, &call, error);

    if (!result)
        return 1;
    if (cli->json)
        gk_cli_print_object (result);
    else
        printf ("%s is warm: %" G_GINT64_FORMAT " MB, %s\n", gk_json_string (result, "image", "?"),
                gk_json_int (result, "bytes", 0) / 1000000,
                gk_json_bool (result, "made", FALSE) ? "made now" : "as it was");
    return 0;
}

static int
verify (GkCli *cli, const char *word, GError **error)
{
    GkClientCall call = { "ImageVerify", g_variant_new ("(s)", word), -1 };
    g_autoptr (JsonObject) result = gk_client_job (cli, &call, error);

    if (!result)
        return 1;
    if (cli->json)
        gk_cli_print_object (result);
    else
        printf ("%s:%s is unchanged, every byte of it\n", gk_json_string (result, "name", "?"),
                gk_json_string (result, "version", "?"));
    return 0;
}

static int
rm (GkCli *cli, const char *word, GError **error)
{
    GkClientCall call = { "ImageRemove", g_variant_new ("(s)", word), -1 };
    g_autoptr (JsonObject) removed = json_object_new ();

    if (!gk_client_do (cli, &call, error))
        return 1;
    json_object_set_string_member (removed, "removed", word);
    if (cli->json)
        gk_cli_print_object (removed);
    return 0;
}

static const struct {
    const char *name;
    int words;
    int (*run) (GkCli *cli, const char *word, GError **error);
} parts[] = {
    {"build",   1, build },
    { "ls",     0, list  },
    { "show",   1, show  },
    { "rm",     1, rm    },
    { "verify", 1, verify},
    { "warm",   1, warm  },
};

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    if (!gk_cli_parse (cli, NULL, &argc, &argv, error))
        return 2;
    for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
        if (g_str_equal (parts[i].name, argv[1]) && argc == parts[i].words + 2)
            return parts[i].run (cli, argv[2], error);
    g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_USAGE,
                         "usage: genkan image build RECIPE | ls | show IMAGE | warm IMAGE | "
                         "verify IMAGE | rm "
                         "IMAGE:VERSION");
    return 2;
}

const GkVerb gk_verb_image = { "image",
                               "build|ls|show|warm|verify|rm …",
                               "Build, warm and look at golden images",
                               "genkan image build debian-wine",
                               1,
                               2,
                               run,
                               FALSE };
