/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/api/translate.h"

#include "images/image.h"
#include "images/recipe.h"

/* What is not here has failed. */
static const struct {
    GQuark (*domain) (void);
    int code;
    GkApiError means;
} table[] = {
    {gk_image_error_quark,   GK_IMAGE_ERROR_MISSING,       GK_API_ERROR_NOT_FOUND},
    { gk_image_error_quark,  GK_IMAGE_ERROR_CHANGED,       GK_API_ERROR_REFUSED  },
    { gk_recipe_error_quark, GK_RECIPE_ERROR_MISSING,      GK_API_ERROR_NOT_FOUND},
    { g_io_error_quark,      G_IO_ERROR_NOT_FOUND,         GK_API_ERROR_NOT_FOUND},
    { g_io_error_quark,      G_IO_ERROR_NOT_REGULAR_FILE,  GK_API_ERROR_USAGE    },
    { g_io_error_quark,      G_IO_ERROR_IS_DIRECTORY,      GK_API_ERROR_USAGE    },
    { g_io_error_quark,      G_IO_ERROR_INVALID_ARGUMENT,  GK_API_ERROR_USAGE    },
    { g_io_error_quark,      G_IO_ERROR_INVALID_FILENAME,  GK_API_ERROR_USAGE    },
    { g_io_error_quark,      G_IO_ERROR_MESSAGE_TOO_LARGE, GK_API_ERROR_REFUSED  },
    { g_io_error_quark,      G_IO_ERROR_TOO_MANY_LINKS,    GK_API_ERROR_REFUSED  },
};

GkApiError
gk_api_translate (const GError *error)
{
    if (error->domain == GK_API_ERROR)
        return (GkApiError) error->code;
    for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
        if (table[i].domain () == error->domain && table[i].code == error->code)
            return table[i].means;
    return GK_API_ERROR_FAILED;
}
