/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libvirt says of this host. */
#include "vmm/libvirt.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdio.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlDoc, xmlFreeDoc)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlXPathContext, xmlXPathFreeContext)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlXPathObject, xmlXPathFreeObject)

#define OWNER "/capabilities/host/secmodel[model='dac']/baselabel[@type='qemu']"

/* libvirt counts 9.0.0 as 9000000. */
static char *
version_text (unsigned long version)
{
    return g_strdup_printf ("%lu.%lu.%lu", version / 1000000, version / 1000 % 1000,
                            version % 1000);
}

gboolean
gk_vmm_ping (GkVmm *vmm, char **ret_versions, GError **error)
{
    g_autoptr (virConnect) connection = gk_vmm_connect (vmm, error);
    unsigned long libvirt = 0, qemu = 0;

    if (!connection)
        return FALSE;
    if (virConnectGetLibVersion (connection, &libvirt) < 0 ||
        virConnectGetVersion (connection, &qemu) < 0)
        return gk_vmm_fail (vmm, GK_VMM_ERROR_FAILED, error, "cannot ask libvirt for versions");
    if (ret_versions) {
        g_autofree char *of_libvirt = version_text (libvirt), *of_qemu = version_text (qemu);

        *ret_versions = g_strdup_printf ("libvirt %s, QEMU %s", of_libvirt, of_qemu);
    }
    return TRUE;
}

/* Returns: (transfer full) (nullable): `+UID:+GID`, as QEMU's processes run by default */
static char *
find_owner (const char *capabilities)
{
    g_autoptr (xmlDoc) doc = xmlReadDoc (BAD_CAST capabilities, NULL, NULL, XML_PARSE_NONET);
    g_autoptr (xmlXPathContext) context = doc ? xmlXPathNewContext (doc) : NULL;
    g_autoptr (xmlXPathObject) found = NULL;
    xmlChar *text;
    char *copy;

    if (!context)
        return NULL;
    found = xmlXPathEvalExpression (BAD_CAST "string(" OWNER ")", context);
    if (!found)
        return NULL;
    text = xmlXPathCastToString (found);
    copy = g_strdup ((char *) text);
    xmlFree (text);
    return copy;
}

gboolean
gk_vmm_qemu_owner (GkVmm *vmm, uid_t *ret_uid, gid_t *ret_gid, GError **error)
{
    g_autoptr (virConnect) connection = gk_vmm_connect (vmm, error);
    g_autofree char *capabilities = NULL, *owner = NULL;
    unsigned int uid, gid;
    int end = -1;

    if (!connection)
        return FALSE;
    capabilities = virConnectGetCapabilities (connection);
    if (!capabilities)
        return gk_vmm_fail (vmm, GK_VMM_ERROR_FAILED, error, "cannot ask libvirt what it can do");
    owner = find_owner (capabilities);
    if (!owner || sscanf (owner, "+%u:+%u%n", &uid, &gid, &end) != 2 || owner[end] != '\0') {
        g_set_error_literal (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED,
                             "libvirt does not say which user QEMU runs as: is its DAC security "
                             "driver switched off in /etc/libvirt/qemu.conf?");
        return FALSE;
    }
    *ret_uid = uid;
    *ret_gid = gid;
    return TRUE;
}
