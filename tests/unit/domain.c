/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/domain/domain.h"

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlDoc, xmlFreeDoc)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlXPathContext, xmlXPathFreeContext)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlXPathObject, xmlXPathFreeObject)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlRelaxNG, xmlRelaxNGFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlRelaxNGParserCtxt, xmlRelaxNGFreeParserCtxt)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlRelaxNGValidCtxt, xmlRelaxNGFreeValidCtxt)

#define SCHEMA "/usr/share/libvirt/schemas/domain.rng"

static const GkDomainSpec plain = {
    .name = "genkan-abcdefgh",
    .uuid = "0f0c6d5e-8f7c-4f0a-9a39-3c2f3a6b1d11",
    .id = "abcdefgh",
    .instance = "7f7bb1ce-5c7a-4f7c-9d0e-0d6f0a4b2c33",
    .memory_mib = 512,
    .vcpus = 2,
    .kernel = "/images/vmlinuz",
    .initrd = "/images/initrd.img",
    .cmdline = "root=/dev/vda ro",
    .overlay = "/runs/overlay.qcow2",
    .disk = "/images/disk.qcow2",
    .spare_ports = 4,
};

static xmlDoc *
parse (const char *text)
{
    xmlDoc *doc = xmlReadMemory (text, (int) strlen (text), "test", NULL, XML_PARSE_NONET);

    g_assert_nonnull (doc);
    return doc;
}

/* What the XPath @expression comes to, as text; g: is GK_DOMAIN_NS. */
static char *
ask (xmlDoc *doc, const char *expression)
{
    g_autoptr (xmlXPathContext) context = xmlXPathNewContext (doc);
    g_autoptr (xmlXPathObject) found = NULL;
    xmlChar *text;
    char *copy;

    xmlXPathRegisterNs (context, BAD_CAST "g", BAD_CAST GK_DOMAIN_NS);
    found = xmlXPathEvalExpression (BAD_CAST expression, context);
    g_assert_nonnull (found);
    text = xmlXPathCastToString (found);
    copy = g_strdup ((char *) text);
    xmlFree (text);
    return copy;
}

static void
expect (xmlDoc *doc, const char *expression, const char *wanted)
{
    g_autofree char *text = ask (doc, expression);

    g_test_message ("%s", expression);
    g_assert_cmpstr (text, ==, wanted);
}

static void
expect_valid (xmlDoc *doc)
{
    g_autoptr (xmlRelaxNGParserCtxt) parser = xmlRelaxNGNewParserCtxt (SCHEMA);
    g_autoptr (xmlRelaxNG) schema = xmlRelaxNGParse (parser);
    g_autoptr (xmlRelaxNGValidCtxt) context = NULL;

    g_assert_nonnull (schema);
    context = xmlRelaxNGNewValidCtxt (schema);
    g_assert_cmpint (xmlRelaxNGValidateDoc (context, doc), ==, 0);
}

static const struct {
    const char *name;
    gboolean kvm, display;
    const char *cpu_model, *serial_log;
    guint spare_ports;
    const char *type, *cpu; /* domain type; CPU mode and model wanted */
} kinds[] = {
    {"kvm-headless",   TRUE,  FALSE, NULL,       NULL,                4, "kvm",  "host-passthrough"},
    { "kvm-display",   TRUE,  TRUE,  NULL,       "/runs/console.log", 1, "kvm",  "host-passthrough"},
    { "kvm-named-cpu", TRUE,  FALSE, "Haswell",  NULL,                8, "kvm",  "customHaswell"   },
    { "tcg-headless",  FALSE, FALSE, NULL,       "/runs/console.log", 0, "qemu", "customNehalem"   },
    { "tcg-display",   FALSE, TRUE,  "Westmere", NULL,                2, "qemu", "customWestmere"  },
};

static void
test_every_kind (gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE (data);
    GkDomainSpec spec = plain;
    g_autofree char *ports = g_strdup_printf ("%u", kinds[i].spare_ports), *xml = NULL;
    g_autoptr (xmlDoc) doc = NULL;

    spec.kvm = kinds[i].kvm;
    spec.display = kinds[i].display;
    spec.cpu_model = kinds[i].cpu_model;
    spec.serial_log = kinds[i].serial_log;
    spec.spare_ports = kinds[i].spare_ports;
    xml = gk_domain_xml (&spec);
    doc = parse (xml);
    expect_valid (doc);
    expect (doc, "string(/domain/@type)", kinds[i].type);
    expect (doc, "count(//cpu)", "1");
    expect (doc, "concat(//cpu/@mode, //cpu/model)", kinds[i].cpu);
    expect (doc, "count(//controller[@model='pcie-root-port'])", ports);
    expect (doc, "string(//serial/source/@path)", spec.serial_log ? spec.serial_log : "");
    expect (doc, "count(//serial)", spec.serial_log ? "1" : "0");
    expect (doc, "count(//graphics[@type='vnc']/listen[@type='socket'])", spec.display ? "1" : "0");
    expect (doc, "count(//graphics | //video | //input | //audio)", spec.display ? "4" : "0");
}

static void
test_what_is_asked_for (void)
{
    g_autofree char *xml = gk_domain_xml (&plain);
    g_autoptr (xmlDoc) doc = parse (xml);

    expect (doc, "string(/domain/name)", plain.name);
    expect (doc, "string(/domain/uuid)", plain.uuid);
    expect (doc, "string(//metadata/g:disposable/@id)", plain.id);
    expect (doc, "string(//metadata/g:disposable/@instance)", plain.instance);
    expect (doc, "concat(/domain/memory, /domain/memory/@unit)", "512MiB");
    expect (doc, "string(/domain/vcpu)", "2");
    expect (doc, "concat(//os/kernel, ' ', //os/initrd, ' ', //os/cmdline)",
            "/images/vmlinuz /images/initrd.img root=/dev/vda ro");
    expect (doc, "string(//disk/source/@file)", plain.overlay);
    expect (doc, "string(//disk/backingStore/source/@file)", plain.disk);
}

static void
test_layers (void)
{
    GkDomainSpec spec = plain;
    g_autofree char *xml = NULL;
    g_autoptr (xmlDoc) doc = NULL;

    spec.warm_disk = "/warm/disk.qcow2";
    xml = gk_domain_xml (&spec);
    doc = parse (xml);
    expect_valid (doc);
    expect (doc, "string(//disk/source/@file)", plain.overlay);
    expect (doc, "string(//disk/backingStore/source/@file)", spec.warm_disk);
    expect (doc, "string(//disk/backingStore/backingStore/source/@file)", plain.disk);
    expect (doc, "count(//backingStore)", "3");
    expect (doc, "count(//backingStore[not(*)]/@*)", "0");
}

static const struct {
    const char *name;
    GkDomainLimits limits;
    const char *expression, *wanted;
} limits[] = {
    {"none",     { 0 },                     "count(//cputune | //iotune | //slices)",      "0"            },
    { "shares",  { .cpu_shares = 512 },     "concat(count(//cputune/*), //shares)",        "1512"         },
    { "percent",
     { .cpu_percent = 150 },
     "concat(//global_quota, '/', //global_period)",                                       "150000/100000"},
    { "overlay",
     { .overlay_bytes = 5000000000 },
     "concat(//disk/source/slices/slice/@offset, '+', //slice/@size)",                     "0+5000000000" },
    { "bytes",
     { .disk_bytes_per_s = 1 << 20 },
     "concat(count(//iotune/*), //total_bytes_sec)",                                       "11048576"     },
    { "ops",     { .disk_ops_per_s = 100 }, "concat(count(//iotune/*), //total_iops_sec)", "1100"         },
};

static void
test_limits (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (limits); i++) {
        GkDomainSpec spec = plain;
        g_autofree char *xml = NULL;
        g_autoptr (xmlDoc) doc = NULL;

        g_test_message ("%s", limits[i].name);
        spec.limits = limits[i].limits;
        xml = gk_domain_xml (&spec);
        doc = parse (xml);
        expect_valid (doc);
        expect (doc, limits[i].expression, limits[i].wanted);
    }
}

/* What a disposable must never get, whatever libvirt adds by itself. */
static void
test_nothing_more_than_needed (void)
{
    g_autofree char *xml = gk_domain_xml (&plain);
    g_autoptr (xmlDoc) doc = parse (xml);

    expect (doc, "count(//interface | //filesystem | //hostdev | //redirdev | //sound)", "0");
    expect (doc, "string(//controller[@type='usb']/@model)", "none");
    expect (doc, "string(//memballoon/@model)", "none");
    expect (doc, "string(//backingStore/format/@type)", "qcow2");
    expect (doc, "count(//backingStore/backingStore/@* | //backingStore/backingStore/*)", "0");
    expect (doc, "string(//driver/@error_policy)", "report");
    expect (doc, "concat(//seclabel/@model, ' ', //seclabel/@type)", "dac none");
    expect (doc, "concat(//memoryBacking/source/@type, ' ', //memoryBacking/access/@mode)",
            "memfd shared");
    expect (doc, "string(//*[local-name()='del']/@capability)", "cpu-unavailable-features");
    expect (doc, "count(//comment())", "0");
}

static void
test_text_stays_text (void)
{
    static const char odd[] = "a<b>&amp;\"'</kernel>";
    GkDomainSpec spec = plain;
    g_autofree char *xml = NULL;
    g_autoptr (xmlDoc) doc = NULL;

    spec.kernel = spec.overlay = spec.id = odd;
    xml = gk_domain_xml (&spec);
    doc = parse (xml);
    expect (doc, "string(//os/kernel)", odd);
    expect (doc, "string(//disk/source/@file)", odd);
    expect (doc, "string(//metadata/g:disposable/@id)", odd);
    expect (doc, "count(//os/*)", "4");
}

static void
test_no_initrd (void)
{
    GkDomainSpec spec = plain;
    g_autofree char *xml = NULL;
    g_autoptr (xmlDoc) doc = NULL;

    spec.initrd = NULL;
    xml = gk_domain_xml (&spec);
    doc = parse (xml);
    expect_valid (doc);
    expect (doc, "count(//os/initrd)", "0");
}

/* libvirt's schema knows devices only in a domain. */
static void
expect_valid_device (const char *xml)
{
    g_autofree char *machine = gk_domain_xml (&plain);
    g_autoptr (xmlDoc) doc = parse (machine), device = parse (xml);
    xmlNode *devices = xmlDocGetRootElement (doc)->last;

    while (!xmlStrEqual (devices->name, BAD_CAST "devices"))
        devices = devices->prev;
    xmlAddChild (devices, xmlDocCopyNode (xmlDocGetRootElement (device), doc, 1));
    expect_valid (doc);
}

static void
test_nic (void)
{
    GkNicSpec spec = { .tap = "gkabcdefgh", .mac = "52:54:00:12:34:56" };
    g_autofree char *down = gk_nic_xml (&spec), *up = NULL;
    g_autoptr (xmlDoc) doc = parse (down), raised = NULL;

    expect_valid_device (down);
    expect (doc, "concat(/interface/target/@dev, ' ', /interface/target/@managed)",
            "gkabcdefgh no");
    expect (doc, "string(//mac/@address)", spec.mac);
    expect (doc, "string(//link/@state)", "down");
    expect (doc, "string(//driver/@name)", "qemu");
    spec.link_up = TRUE;
    up = gk_nic_xml (&spec);
    raised = parse (up);
    expect (raised, "string(//link/@state)", "up");
}

static void
test_export (void)
{
    GkExportSpec spec = { .folder = "/runs/a&b/in", .tag = "inbound" };
    g_autofree char *xml = gk_export_xml (&spec);
    g_autoptr (xmlDoc) doc = parse (xml);

    expect_valid_device (xml);
    expect (doc, "string(//source/@dir)", spec.folder);
    expect (doc, "string(//target/@dir)", spec.tag);
    expect (doc, "string(//driver/@type)", "virtiofs");
    expect (doc, "string(//binary/@xattr)", "off");
    expect (doc, "string(//sandbox/@mode)", "namespace");
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++) {
        g_autofree char *path = g_strdup_printf ("/domain/schema/accepts-%s", kinds[i].name);

        g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_every_kind);
    }
    g_test_add_func ("/domain/has-what-is-asked-for", test_what_is_asked_for);
    g_test_add_func ("/domain/has-nothing-more-than-needed", test_nothing_more_than_needed);
    g_test_add_func ("/domain/stands-on-a-warm-layer", test_layers);
    g_test_add_func ("/domain/has-the-limits-asked-for", test_limits);
    g_test_add_func ("/domain/text-stays-text", test_text_stays_text);
    g_test_add_func ("/domain/starts-without-an-initrd", test_no_initrd);
    g_test_add_func ("/domain/nic-is-on-the-tap-and-down", test_nic);
    g_test_add_func ("/domain/export-is-sandboxed", test_export);
    return g_test_run ();
}
