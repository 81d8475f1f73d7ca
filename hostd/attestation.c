/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/attestation.h"

#include "base/fd.h"
#include "base/json.h"
#include "hostd/attest.h"
#include "images/identity.h"

enum { FORMAT = 1 };

static JsonObject *
describe_image (GkImage *image)
{
    JsonObject *files = gk_json_object (image->manifest, "files");
    JsonObject *object = json_object_new ();

    json_object_set_string_member (object, "name", image->name);
    json_object_set_string_member (object, "version", image->version);
    json_object_set_string_member (object, "digest", image->digest);
    json_object_set_string_member (object, "disk_sha256",
                                   gk_json_string (gk_json_object (files, "disk"), "sha256", ""));
    return object;
}

static void
describe_disks (GkMachine *machine, JsonObject *statement)
{
    JsonObject *overlay = json_object_new ();

    json_object_set_string_member (overlay, "stands_on",
                                   machine->warm ? machine->warm->disk : machine->image->disk);
    json_object_set_object_member (statement, "overlay", overlay);
    if (machine->warm) {
        JsonObject *warm = json_object_new ();

        json_object_set_string_member (warm, "digest", machine->warm->digest);
        json_object_set_object_member (statement, "warm", warm);
    } else {
        json_object_set_null_member (statement, "warm");
    }
}

/* Returns: (transfer full): the text that is signed */
static char *
state (GkDisposable *disposable, GkMachine *machine, const char *via)
{
    g_autoptr (JsonObject) statement = json_object_new ();
    g_autofree char *now = gk_json_now ();
    JsonObject *policy = json_object_new ();
    gk_autofd int dir = gk_open_dir (machine->image->folder, NULL);

    json_object_set_int_member (statement, "format", FORMAT);
    json_object_set_string_member (statement, "time", now);
    json_object_set_string_member (statement, "host", disposable->host->instance);
    json_object_set_string_member (statement, "run", disposable->id);
    json_object_set_int_member (statement, "life", disposable->lives);
    json_object_set_string_member (statement, "via", via);
    json_object_set_string_member (statement, "machine", machine->id);
    json_object_set_object_member (statement, "image", describe_image (machine->image));
    describe_disks (machine, statement);
    json_object_set_string_member (policy, "name", disposable->policy);
    json_object_set_string_member (policy, "digest", disposable->policy_digest);
    json_object_set_object_member (statement, "policy", policy);
    json_object_set_string_member (statement, "checked_by",
                                   dir < 0 ? "nothing" : gk_identity_means (dir));
    return gk_json_text (statement, FALSE);
}

gboolean
gk_attest (GkDisposable *disposable, GkMachine *machine, const char *via, GError **error)
{
    GkAttester *attester = disposable->host->attester;
    g_autofree char *statement = state (disposable, machine, via), *signature = NULL;
    JsonObject *members;

    if (!gk_attester_sign (attester, statement, &signature, error))
        return FALSE;
    members = json_object_new ();
    json_object_set_string_member (members, "statement", statement);
    json_object_set_string_member (members, "signature", signature);
    json_object_set_string_member (members, "key", gk_attester_key_id (attester));
    return gk_ledger_append (disposable->ledger, GK_LEDGER_DURABLE, "attested", members, error);
}
