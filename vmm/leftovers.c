/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domains known by what libvirt keeps of them, not by a handle: what a daemon before us left. */
#include "vmm/libvirt.h"

#include <libvirt/virterror.h>
#include <libxml/parser.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlDoc, xmlFreeDoc)

static void
leftover_free (gpointer data)
{
    GkVmmLeftover *leftover = data;

    g_free (leftover->name);
    g_free (leftover->uuid);
    g_free (leftover->id);
    g_free (leftover);
}

static char *
attribute (xmlNode *node, const char *name)
{
    xmlChar *text = xmlGetProp (node, BAD_CAST name);
    char *copy = g_strdup ((char *) text);

    xmlFree (text);
    return copy;
}

/* Returns: (transfer full) (nullable): @domain, if it belongs to @instance */
static GkVmmLeftover *
recognise (virDomainPtr domain, const char *instance)
{
    g_autofree char *metadata =
        virDomainGetMetadata (domain, VIR_DOMAIN_METADATA_ELEMENT, GK_DOMAIN_NS, 0);
    g_autoptr (xmlDoc) doc = NULL;
    g_autofree char *whose = NULL, *id = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN];
    GkVmmLeftover *leftover;

    if (!metadata)
        return NULL;
    doc = xmlReadDoc (BAD_CAST metadata, NULL, NULL,
                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!doc)
        return NULL;
    whose = attribute (xmlDocGetRootElement (doc), "instance");
    id = attribute (xmlDocGetRootElement (doc), "id");
    if (g_strcmp0 (whose, instance) != 0 || virDomainGetUUIDString (domain, uuid) < 0)
        return NULL;
    leftover = g_new0 (GkVmmLeftover, 1);
    leftover->name = g_strdup (virDomainGetName (domain));
    leftover->uuid = g_strdup (uuid);
    leftover->id = g_steal_pointer (&id);
    return leftover;
}

GPtrArray *
gk_vmm_list (GkVmm *vmm, const char *instance, GError **error)
{
    g_autoptr (virConnect) connection = gk_vmm_connect (vmm, error);
    g_autoptr (GPtrArray) leftovers = g_ptr_array_new_with_free_func (leftover_free);
    virDomainPtr *domains = NULL;

    if (!connection)
        return NULL;
    if (virConnectListAllDomains (connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE) < 0) {
        gk_vmm_fail (vmm, GK_VMM_ERROR_FAILED, error, "cannot list the running VMs");
        return NULL;
    }
    for (virDomainPtr *domain = domains; *domain; domain++) {
        GkVmmLeftover *leftover = recognise (*domain, instance);

        if (leftover)
            g_ptr_array_add (leftovers, leftover);
        virDomainFree (*domain);
    }
    free (domains);
    return g_steal_pointer (&leftovers);
}

gboolean
gk_vmm_destroy (GkVmm *vmm, const char *uuid, GError **error)
{
    g_autoptr (virConnect) connection = gk_vmm_open (vmm, error);
    g_autoptr (virDomain) domain = NULL;

    if (!connection)
        return FALSE;
    domain = virDomainLookupByUUIDString (connection, uuid);
    if (!domain && virGetLastErrorCode () == VIR_ERR_NO_DOMAIN)
        return TRUE;
    if (domain && virDomainDestroy (domain) == 0)
        return TRUE;
    /* It may have ended by itself meanwhile. */
    if (virGetLastErrorCode () == VIR_ERR_NO_DOMAIN ||
        virGetLastErrorCode () == VIR_ERR_OPERATION_INVALID)
        return TRUE;
    return gk_vmm_fail (vmm, GK_VMM_ERROR_FAILED, error, "cannot destroy VM %s", uuid);
}
