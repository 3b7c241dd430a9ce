/* Page by page: read the endpoints, delete those that nobody knows, and when all are gone the next
 * page. */
#include "controlplane/dataplane_internal.h"

#include "proto/error.h"

#include <errno.h>

static int ask(struct cp_dataplane *dp);

static void finish(struct cp_dataplane *dp)
{
    struct cp_clear *c = &dp->clear;

    c->running = false;
    if (c->done)
        c->done(c->arg, c->error ? c->error : c->deleted);
}

static void advance(struct cp_dataplane *dp)
{
    struct cp_clear *c = &dp->clear;

    if (c->deletes)
        return;
    if (!c->error && c->more)
        c->error = ask(dp);
    if (c->error || !c->more)
        finish(dp);
}

static void on_deleted(void *arg, int error, const Headrace__Reply *reply)
{
    struct cp_dataplane *dp = arg;

    (void)reply;
    dp->clear.deletes--;
    if (error < 0)
        dp->clear.error = error;
    else if (error == 0)
        dp->clear.deleted++;
    else if (error != HR_ERROR_NOT_FOUND) /* gone by itself is as good */
        dp->clear.error = -EIO;
    advance(dp);
}

static int delete_endpoint(struct cp_dataplane *dp, uint32_t id)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__ObjectDelete op = HEADRACE__OBJECT_DELETE__INIT;

    op.type = HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT;
    op.id = id;
    cmd.op_case = HEADRACE__COMMAND__OP_OBJECT_DELETE;
    cmd.object_delete = &op;
    int err = cp_dataplane_command(dp, &cmd, on_deleted, dp);
    if (!err)
        dp->clear.deletes++;
    return err;
}

static void on_objects(void *arg, int error, const Headrace__Reply *reply)
{
    struct cp_dataplane *dp = arg;
    struct cp_clear *c = &dp->clear;
    const Headrace__Objects *o = reply ? reply->objects : NULL;
    uint32_t before = c->after;

    if (error)
        c->error = error < 0 ? error : -EIO;
    for (size_t i = 0; !c->error && o && i < o->n_endpoints; i++) {
        uint32_t id = o->endpoints[i]->id;
        if (id > c->after)
            c->after = id;
        if (!c->keep || !c->keep(c->arg, id))
            c->error = delete_endpoint(dp, id);
    }
    /* A page that brings nothing new would be asked for again for ever. */
    c->more = o && o->more && c->after > before;
    advance(dp);
}

static int ask(struct cp_dataplane *dp)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__ObjectsGet op = HEADRACE__OBJECTS_GET__INIT;

    op.type = HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT;
    op.after = dp->clear.after;
    cmd.op_case = HEADRACE__COMMAND__OP_OBJECTS_GET;
    cmd.objects_get = &op;
    return cp_dataplane_command(dp, &cmd, on_objects, dp);
}

int cp_dataplane_clear(struct cp_dataplane *dp, bool (*keep)(void *arg, uint32_t endpoint),
                       void (*done)(void *arg, int deleted), void *arg)
{
    if (dp->clear.running)
        return -EBUSY;
    dp->clear = (struct cp_clear){.running = true, .keep = keep, .done = done, .arg = arg};
    int err = ask(dp);
    if (err)
        dp->clear.running = false;
    return err;
}
