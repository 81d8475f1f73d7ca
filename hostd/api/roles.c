/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/api/roles.h"

#include "base/fd.h"
#include "base/users.h"
#include "hostd/api/error.h"

#include <errno.h>
#include <sys/socket.h>

enum { GROUPS_MAX = 1024 };

static const struct {
    const char *method;
    GkRole role;
} methods[] = {
    {"Open",         GK_ROLE_ANALYST },
    { "Run",         GK_ROLE_ANALYST },
    { "New",         GK_ROLE_ANALYST },
    { "Revert",      GK_ROLE_ANALYST },
    { "Remove",      GK_ROLE_ANALYST },
    { "Put",         GK_ROLE_ANALYST },
    { "Get",         GK_ROLE_ANALYST },
    { "Outbound",    GK_ROLE_ANALYST },
    { "Fetch",       GK_ROLE_ANALYST },
    { "HeldList",    GK_ROLE_ANALYST },
    { "HeldRelease", GK_ROLE_ANALYST }, /* his own, where clean: held.c */
    { "HeldDrop",    GK_ROLE_OPERATOR},
    { "List",        GK_ROLE_ANALYST },
    { "Show",        GK_ROLE_ANALYST },
    { "Report",      GK_ROLE_ANALYST },
    { "ImageBuild",  GK_ROLE_BUILDER },
    { "ImageWarm",   GK_ROLE_BUILDER },
    { "ImageVerify", GK_ROLE_BUILDER },
    { "ImageRemove", GK_ROLE_BUILDER },
    { "ImageList",   GK_ROLE_ANALYST },
    { "ImageShow",   GK_ROLE_ANALYST },
    { "Pool",        GK_ROLE_ANALYST },
    { "Doctor",      GK_ROLE_ANALYST },
};

/* A role, the group that gives it, and what it comes with. */
typedef struct {
    GkRole role;
    const char *name;
    gsize group; /* offset in GkConfig of the group's name */
    GkRole gives;
} Role;

static const Role roles[] = {
    {GK_ROLE_ANALYST,   "analyst",  G_STRUCT_OFFSET (GkConfig, analyst_group),  GK_ROLE_ANALYST},
    { GK_ROLE_OPERATOR, "operator", G_STRUCT_OFFSET (GkConfig, operator_group),
     GK_ROLE_OPERATOR | GK_ROLE_ANALYST                                                        },
    { GK_ROLE_BUILDER,  "builder",  G_STRUCT_OFFSET (GkConfig, builder_group),
     GK_ROLE_BUILDER | GK_ROLE_ANALYST                                                         },
};

static const char *
group_of (const Role *role, const GkConfig *config)
{
    return G_STRUCT_MEMBER (char *, config, role->group);
}

static gboolean
has_group (const char *name, gid_t primary, const gid_t *gids, gsize n)
{
    gid_t gid = 0;

    if (!name || !*name || !gk_group_find (name, &gid))
        return FALSE;
    for (gsize i = 0; i < n; i++)
        if (gids[i] == gid)
            return TRUE;
    return primary == gid;
}

gboolean
gk_caller_identify (GSocket *socket, const GkConfig *config, GkCaller *ret, GError **error)
{
    int fd = g_socket_get_fd (socket);
    struct ucred peer;
    gid_t gids[GROUPS_MAX];
    socklen_t length = sizeof peer, groups_length = sizeof gids;
    GkCaller caller = { 0 };

    if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ||
        getsockopt (fd, SOL_SOCKET, SO_PEERGROUPS, gids, &groups_length) < 0)
        return gk_set_errno (error, errno, "cannot tell who is calling");
    caller.uid = peer.uid;
    for (gsize i = 0; i < G_N_ELEMENTS (roles); i++)
        if (peer.uid == 0 ||
            has_group (group_of (&roles[i], config), peer.gid, gids, groups_length / sizeof *gids))
            caller.roles |= roles[i].gives;
    *ret = caller;
    return TRUE;
}

gboolean
gk_role_of_method (const char *method, GkRole *ret)
{
    for (gsize i = 0; i < G_N_ELEMENTS (methods); i++)
        if (g_str_equal (methods[i].method, method)) {
            *ret = methods[i].role;
            return TRUE;
        }
    return FALSE;
}

guint
gk_role_methods (void)
{
    return G_N_ELEMENTS (methods);
}

gboolean
gk_caller_check (const GkCaller *caller, const char *method, const GkConfig *config, GError **error)
{
    GkRole needed = GK_ROLE_NONE;

    if (!gk_role_of_method (method, &needed)) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED, "nobody may call %s", method);
        return FALSE;
    }
    if (caller->roles & needed)
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS (roles); i++)
        if (roles[i].role == needed)
            g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED,
                         "this needs the role '%s': ask to be put into the group '%s', then log "
                         "in again",
                         roles[i].name, group_of (&roles[i], config));
    return FALSE;
}
