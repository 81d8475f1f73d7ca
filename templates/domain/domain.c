/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bases (machine.xml, nic.xml, export.xml) hold everything that is the same for each VM; here
 * the rest is put at its place in the tree. A base that lacks the place is a defect of the build,
 * so it aborts; tests/unit/domain.c reaches every place. */
#include "templates/domain/domain.h"

#include "domain-resource.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlDoc, xmlFreeDoc)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlXPathContext, xmlXPathFreeContext)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlXPathObject, xmlXPathFreeObject)

#define SPARE_PORT "//controller[@model='pcie-root-port']"
#define LAYER "//disk/backingStore"
#define BELOW LAYER "/backingStore"

/* The kernel's usual period of CPU quotas; machine.xml has it too. */
enum { CPU_PERIOD_US = 100000 };

/* What stands at a place of a base: text for an empty element or attribute. */
typedef struct {
    const char *path; /* XPath, g: is GK_DOMAIN_NS */
    const char *text; /* NULL: what stands there is taken out */
} Place;

/* Elements that not every disposable has. */
typedef struct {
    const char *path;
    gboolean kept;
} Part;

/* Returns: (transfer full): the nodes at @path, one at least */
static xmlXPathObject *
find (xmlDoc *doc, const char *path)
{
    g_autoptr (xmlXPathContext) context = xmlXPathNewContext (doc);
    xmlXPathObject *found;

    xmlXPathRegisterNs (context, BAD_CAST "g", BAD_CAST GK_DOMAIN_NS);
    found = xmlXPathEvalExpression (BAD_CAST path, context);
    g_assert (found && !xmlXPathNodeSetIsEmpty (found->nodesetval));
    return found;
}

static void
take_out (xmlDoc *doc, const char *path)
{
    g_autoptr (xmlXPathObject) found = find (doc, path);

    for (int i = 0; i < found->nodesetval->nodeNr; i++) {
        xmlNode *node = found->nodesetval->nodeTab[i];

        /* The set looks at its nodes once more when it is freed. */
        found->nodesetval->nodeTab[i] = NULL;
        xmlUnlinkNode (node);
        xmlFreeNode (node);
    }
}

/* The comments are for the base's reader: libvirt would get them with each VM. */
static xmlDoc *
load_base (const char *name)
{
    g_autofree char *path = g_strconcat ("/genkan/domain/", name, NULL);
    g_autoptr (GBytes) bytes = g_resource_lookup_data (gk_domain_get_resource (), path,
                                                       G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    gsize size = 0;
    const char *text;
    xmlDoc *doc;

    g_assert (bytes);
    text = g_bytes_get_data (bytes, &size);
    doc = xmlReadMemory (text, (int) size, name, NULL, XML_PARSE_NONET | XML_PARSE_NOBLANKS);
    g_assert (doc);
    take_out (doc, "//comment()");
    return doc;
}

static void
put (xmlDoc *doc, const Place *place)
{
    g_autoptr (xmlXPathObject) found = NULL;
    xmlNode *node;

    if (!place->text) {
        take_out (doc, place->path);
        return;
    }
    found = find (doc, place->path);
    node = found->nodesetval->nodeTab[0];
    if (node->type == XML_ATTRIBUTE_NODE)
        xmlSetProp (node->parent, node->name, BAD_CAST place->text);
    else
        xmlNodeAddContent (node, BAD_CAST place->text);
}

static void
fill (xmlDoc *doc, const Place *places, gsize n)
{
    for (gsize i = 0; i < n; i++)
        put (doc, &places[i]);
}

static void
keep (xmlDoc *doc, const Part *parts, gsize n)
{
    for (gsize i = 0; i < n; i++)
        if (!parts[i].kept)
            take_out (doc, parts[i].path);
}

static void
repeat (xmlDoc *doc, const char *path, guint times)
{
    g_autoptr (xmlXPathObject) found = find (doc, path);
    xmlNode *node = found->nodesetval->nodeTab[0];

    for (guint i = 1; i < times; i++)
        xmlAddNextSibling (node, xmlCopyNode (node, 1));
}

static char *
to_text (xmlDoc *doc)
{
    xmlChar *text = NULL;
    char *copy;
    int size = 0;

    xmlDocDumpFormatMemoryEnc (doc, &text, &size, "UTF-8", 1);
    copy = g_strndup ((char *) text, (gsize) size);
    xmlFree (text);
    return copy;
}

/* The overlay and what it stands on; without a warm state's layer the golden disk is next. */
static void
stack (xmlDoc *doc, const GkDomainSpec *spec)
{
    gboolean warm = spec->warm_disk != NULL;
    const Place places[] = {
        {"//disk/source/@file",                                        spec->overlay                      },
        { LAYER "/source/@file",                                       warm ? spec->warm_disk : spec->disk},
        { warm ? BELOW "/source/@file" : BELOW "/* | " BELOW "/@type", warm ? spec->disk : NULL           },
    };

    fill (doc, places, G_N_ELEMENTS (places));
}

/* Returns: (transfer full) (nullable): @limit as text; none where there is no limit */
static char *
limit_text (guint64 limit)
{
    return limit ? g_strdup_printf ("%" G_GUINT64_FORMAT, limit) : NULL;
}

static void
limit (xmlDoc *doc, const GkDomainLimits *limits)
{
    g_autofree char *shares = limit_text (limits->cpu_shares);
    g_autofree char *quota = limit_text ((guint64) limits->cpu_percent * CPU_PERIOD_US / 100);
    g_autofree char *overlay = limit_text (limits->overlay_bytes);
    g_autofree char *bytes = limit_text (limits->disk_bytes_per_s);
    g_autofree char *ops = limit_text (limits->disk_ops_per_s);
    const Place places[] = {
        {"//cputune/shares",                                             shares },
        { quota ? "//global_quota" : "//global_quota | //global_period", quota  },
        { overlay ? "//slice/@size" : "//slices",                        overlay},
        { "//iotune/total_bytes_sec",                                    bytes  },
        { "//iotune/total_iops_sec",                                     ops    },
    };
    const Part parts[] = {
        {"//cputune", shares || quota},
        { "//iotune", bytes || ops   },
    };

    fill (doc, places, G_N_ELEMENTS (places));
    keep (doc, parts, G_N_ELEMENTS (parts));
}

char *
gk_domain_xml (const GkDomainSpec *spec)
{
    g_autoptr (xmlDoc) doc = load_base ("machine.xml");
    g_autofree char *memory = g_strdup_printf ("%u", spec->memory_mib);
    g_autofree char *vcpus = g_strdup_printf ("%u", spec->vcpus);
    gboolean host_cpu = spec->kvm && !spec->cpu_model;
    const Place places[] = {
        {"/domain/@type",                      spec->kvm ? "kvm" : "qemu"                           },
        { "/domain/name",                      spec->name                                           },
        { "/domain/uuid",                      spec->uuid                                           },
        { "//metadata/g:disposable/@id",       spec->id                                             },
        { "//metadata/g:disposable/@instance", spec->instance                                       },
        { "/domain/memory",                    memory                                               },
        { "/domain/vcpu",                      vcpus                                                },
        { "//os/kernel",                       spec->kernel                                         },
        { "//os/initrd",                       spec->initrd                                         },
        { "//os/cmdline",                      spec->cmdline                                        },
        { "//cpu/model",                       spec->cpu_model ? spec->cpu_model : GK_DOMAIN_TCG_CPU},
        { "//serial/source/@path",             spec->serial_log                                     },
    };
    const Part parts[] = {
        {"//cpu[@mode='host-passthrough']",           host_cpu                },
        { "//cpu[@mode='custom']",                    !host_cpu               },
        { SPARE_PORT,                                 spec->spare_ports > 0   },
        { "//serial",                                 spec->serial_log != NULL},
        { "//graphics | //video | //input | //audio", spec->display           },
    };

    repeat (doc, SPARE_PORT, spec->spare_ports);
    fill (doc, places, G_N_ELEMENTS (places));
    keep (doc, parts, G_N_ELEMENTS (parts));
    stack (doc, spec);
    limit (doc, &spec->limits);
    return to_text (doc);
}

char *
gk_nic_xml (const GkNicSpec *spec)
{
    g_autoptr (xmlDoc) doc = load_base ("nic.xml");
    const Place places[] = {
        {"//mac/@address", spec->mac                    },
        { "//target/@dev", spec->tap                    },
        { "//link/@state", spec->link_up ? "up" : "down"},
    };

    fill (doc, places, G_N_ELEMENTS (places));
    return to_text (doc);
}

char *
gk_export_xml (const GkExportSpec *spec)
{
    g_autoptr (xmlDoc) doc = load_base ("export.xml");
    const Place places[] = {
        {"//source/@dir",  spec->folder},
        { "//target/@dir", spec->tag   },
    };

    fill (doc, places, G_N_ELEMENTS (places));
    return to_text (doc);
}
