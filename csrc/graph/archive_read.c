/* archive_read.c -- a TorchScript archive: its modules and tensors from the pickles, its graph from the source. */
#include "../core/alloc.h"
#include "../io/checkpoint_rules.h"
#include "script_read.h"
#include "torchscript.h"
#include <stdio.h>
#include <string.h>

#define MOST_NESTED 200
#define MOST_MODULES 100000

enum { NAME_CLASS = PC_NAME_RULES + 100, OBJECT_MODULE = 100 };

/* An object of one of the archive's classes. */
typedef struct script_object {
    const char *type;        /* terminated */
    const pc_item *state;    /* a dict; NULL until it has come */
    int32_t module;          /* 1 + its number; 0: not yet; -1: at work on it */
} script_object;

typedef struct reader {
    const pc_zip *z;
    pc_checkpoint data, constants;
    pc_script script;
    pc_graph *g;
    pc_module *modules;      /* in an array that grows, until the graph takes them over */
    const pc_script_class **classes;
    const pc_item **states;
    bool *training;
    int32_t nmodules, module_room;
    const pc_saved_tensor **tensors;
    bool *parameter;         /* of tensors */
    int32_t ntensors, tensor_room;
} reader;

/* ---- the pickle ------------------------------------------------------------------------------------ */

static pc_status rule_name(void *ctx, pc_arena *a, const char *module, const char *name, pc_item **out)
{
    pc_status status = PC_OK;
    if (strcmp(module, "__torch__") != 0 && strncmp(module, "__torch__.", 10) != 0)
        return pc_checkpoint_rules.name(ctx, a, module, name, out);
    int64_t n = (int64_t)(strlen(module) + 1 + strlen(name));
    char *type = pc_arena_alloc(a, n + 1);
    pc_item *text;
    PC_CHECK(type != NULL, PC_ENOMEM, "out of memory for the pickle's values");
    snprintf(type, (size_t)n + 1, "%s.%s", module, name);
    PC_TRY(pc_arena_item(a, PC_ITEM_STR, &text));
    text->text = type;
    text->n = n;
    PC_TRY(pc_arena_item(a, PC_ITEM_NAME, out));
    (*out)->i = NAME_CLASS;
    (*out)->extra = text;
done:
    return status;
}

static pc_status rule_call(void *ctx, pc_arena *a, const pc_item *callee, const pc_item *args, pc_item **out)
{
    pc_status status = PC_OK;
    if (callee->i != NAME_CLASS) return pc_checkpoint_rules.call(ctx, a, callee, args, out);
    script_object *o = pc_arena_alloc(a, sizeof *o);
    PC_CHECK(o != NULL, PC_ENOMEM, "out of memory for the pickle's values");
    PC_CHECK(args->n == 0, PC_EFORMAT, "malformed pickle: arguments of a module");
    *o = (script_object){ .type = callee->extra->text };
    PC_TRY(pc_arena_item(a, PC_ITEM_OBJECT, out));
    (*out)->tag = OBJECT_MODULE;
    (*out)->object = o;
done:
    return status;
}

static pc_status rule_build(void *ctx, pc_arena *a, pc_item *object, const pc_item *state)
{
    if (object->tag != OBJECT_MODULE) return pc_checkpoint_rules.build(ctx, a, object, state);
    script_object *o = object->object;
    if (state->kind != PC_ITEM_DICT || o->state != NULL)
        return pc_fail(PC_EFORMAT,
                       "malformed pickle: the state of a module %.100s (is there code that runs while it is loaded?)",
                       o->type);
    o->state = state;
    return PC_OK;
}

static pc_status read_pickle(reader *r, const char *name, const char *folder, pc_checkpoint *out)
{
    pc_status status = PC_OK;
    const pc_pickle_rules rules = { rule_name, rule_call, rule_build, pc_checkpoint_rules.persistent };
    pc_checkpoint_context *context = pc_calloc(1, sizeof *context);
    if (context == NULL) return pc_fail(PC_ENOMEM, "out of memory for an archive");
    *context = (pc_checkpoint_context){ .checkpoint = out, .id_length = 5 };
    PC_CHECK(pc_zip_find(r->z, name) != NULL, PC_EFORMAT, "record %s is missing", name);
    status = pc_checkpoint_read_records(r->z, name, folder, &rules, context);
done:
    pc_free(context);
    return status;
}

/* ---- modules --------------------------------------------------------------------------------------- */

/* Room for n + 1 elements; the array may move. */
static pc_status grow(void *array, int32_t n, int32_t room, size_t size)
{
    void *old, *larger;
    memcpy(&old, array, sizeof old);
    if (n < room && old != NULL) return PC_OK;
    larger = pc_calloc((size_t)(n > 0 ? 2 * n : 64), size);
    if (larger == NULL) return pc_fail(PC_ENOMEM, "out of memory for an archive");
    if (n > 0) memcpy(larger, old, (size_t)n * size);
    pc_free(old);
    memcpy(array, &larger, sizeof larger);
    return PC_OK;
}

static pc_status new_module(reader *r, int32_t *out)
{
    pc_status status = PC_OK;
    int32_t n = r->nmodules, room = r->module_room;
    PC_CHECK(n < MOST_MODULES, PC_EFORMAT, "more than %d modules", MOST_MODULES);
    PC_TRY(grow(&r->modules, n, room, sizeof *r->modules));
    PC_TRY(grow(&r->classes, n, room, sizeof *r->classes));
    PC_TRY(grow(&r->states, n, room, sizeof *r->states));
    PC_TRY(grow(&r->training, n, room, sizeof *r->training));
    if (n >= room) r->module_room = n > 0 ? 2 * n : 64;
    *out = r->nmodules++;
done:
    return status;
}

/* One tensor object in the pickle is one tensor here, however many attributes it is. */
static pc_status tensor_number(reader *r, const pc_item *o, bool parameter, int32_t *out)
{
    pc_status status = PC_OK;
    const pc_saved_tensor *t = o->object;
    int32_t n = r->ntensors;
    for (*out = 0; *out < n; ++*out)
        if (r->tensors[*out] == t) return PC_OK;
    PC_CHECK(n < MOST_MODULES, PC_EFORMAT, "more than %d tensors", MOST_MODULES);
    PC_TRY(grow(&r->tensors, n, r->tensor_room, sizeof *r->tensors));
    PC_TRY(grow(&r->parameter, n, r->tensor_room, sizeof *r->parameter));
    if (n >= r->tensor_room) r->tensor_room = n > 0 ? 2 * n : 64;
    r->tensors[n] = t;
    r->parameter[n] = parameter;
    r->ntensors++;
done:
    return status;
}

/* "__torch__.a.___torch_mangle_3.B" -> "__torch__.a.B": the number only tells classes of one name apart. */
static pc_status plain_type(pc_graph *g, const char *type, const char **out)
{
    static const char mangle[] = "___torch_mangle_";
    char *copy = NULL;
    int64_t n = 0;
    pc_status status = pc_graph_alloc(g, (int64_t)strlen(type) + 1, &copy);
    if (status != PC_OK) return status;
    for (const char *p = type, *end; *p != 0; p = end) {
        end = p + strcspn(p, ".");
        end += *end == '.';
        if (strncmp(p, mangle, sizeof mangle - 1) == 0) continue;
        memcpy(copy + n, p, (size_t)(end - p));
        n += end - p;
    }
    *out = copy;
    return PC_OK;
}

static pc_status read_module(reader *r, script_object *o, int depth, int32_t *out);

static pc_status read_attribute(reader *r, int32_t module, const pc_script_attribute *a, const pc_item *v, int depth)
{
    pc_status status = PC_OK;
    pc_module *m = &r->modules[module];
    if (strcmp(a->type, "Tensor") == 0 || (strcmp(a->type, "Optional[Tensor]") == 0 && v->kind != PC_ITEM_NONE)) {
        int32_t tensor;
        PC_CHECK(v->kind == PC_ITEM_OBJECT && v->tag == PC_OBJECT_TENSOR, PC_EFORMAT, "attribute '%.100s' is no tensor",
                 a->name);
        PC_TRY(tensor_number(r, v, a->parameter, &tensor));
        m->attributes[m->nattributes++] = (pc_attribute){ a->name, tensor, a->parameter };
    } else if (strncmp(a->type, "__torch__.", 10) == 0) {
        int32_t child;
        PC_CHECK(v->kind == PC_ITEM_OBJECT && v->tag == OBJECT_MODULE
                     && strcmp(((script_object *)v->object)->type, a->type) == 0,
                 PC_EFORMAT, "attribute '%.100s' is no %.200s", a->name, a->type);
        PC_TRY(read_module(r, v->object, depth + 1, &child));
        m = &r->modules[module]; /* the array may have moved */
        m->children[m->nchildren++] = (pc_child){ a->name, child };
    } else if (strcmp(a->name, "training") == 0) {
        PC_CHECK(v->kind == PC_ITEM_BOOL, PC_EFORMAT, "attribute 'training' is no bool");
        r->training[module] = v->i != 0;
    }
done:
    return status;
}

static pc_status read_module(reader *r, script_object *o, int depth, int32_t *out)
{
    pc_status status = PC_OK;
    int32_t k = 0;
    const pc_script_class *c;
    PC_CHECK(o->module >= 0, PC_EFORMAT, "a module contains itself");
    PC_CHECK(depth <= MOST_NESTED, PC_EFORMAT, "modules nested more than %d levels deep", MOST_NESTED);
    PC_CHECK(o->state != NULL, PC_EFORMAT, "a module without its state");
    if (o->module > 0) {
        *out = o->module - 1;
        return PC_OK;
    }
    o->module = -1;
    PC_TRY(pc_script_find_class(&r->script, o->type, &c));
    PC_TRY(new_module(r, &k));
    r->classes[k] = c;
    r->states[k] = o->state;
    r->training[k] = true;
    PC_TRY(plain_type(r->g, o->type, &r->modules[k].type));
    PC_TRY(pc_graph_alloc(r->g, c->nattributes * (int64_t)sizeof(pc_attribute), &r->modules[k].attributes));
    PC_TRY(pc_graph_alloc(r->g, c->nattributes * (int64_t)sizeof(pc_child), &r->modules[k].children));
    for (int32_t j = 0; j < c->nattributes; j++) {
        pc_script_attribute a = c->attributes[j];
        const pc_item *v = pc_item_get(o->state, a.name);
        PC_CHECK(v != NULL, PC_EFORMAT, "attribute '%.100s' of a %.200s is missing", a.name, o->type);
        PC_CHECK(a.name[0] != 0 && strchr(a.name, '.') == NULL, PC_EFORMAT, "'%.100s' is no name of an attribute",
                 a.name);
        for (int32_t i = 0; i < j; i++)
            PC_CHECK(strcmp(c->attributes[i].name, a.name) != 0, PC_EFORMAT, "attribute '%.100s' is declared twice",
                     a.name);
        PC_TRY(pc_graph_text(r->g, a.name, (int64_t)strlen(a.name), &a.name));
        PC_TRY(read_attribute(r, k, &a, v, depth));
    }
    o->module = k + 1;
    *out = k;
done:
    return status;
}

/* ---- the rest -------------------------------------------------------------------------------------- */

/* 3 to 10 are known: torch 1.0 to today. */
static pc_status read_version(const pc_zip *z, int *out)
{
    pc_status status = PC_OK;
    char text[16] = { 0 };
    const pc_zip_record *v = pc_zip_find(z, ".data/version");
    if (v == NULL) v = pc_zip_find(z, "version");
    PC_CHECK(v != NULL && v->size > 0 && v->size < (int64_t)sizeof text, PC_EFORMAT, "the archive says no version");
    PC_TRY(pc_zip_read(z, v, text));
    int version = 0;
    for (const char *p = text; *p >= '0' && *p <= '9' && version < 10000; p++) version = version * 10 + *p - '0';
    PC_CHECK(version >= 3 && version <= 10, PC_EFORMAT, "the archive is of version %d: 3 to 10 are known", version);
    *out = version;
done:
    return status;
}

static pc_status read_constants(reader *r, int32_t **vars, int32_t *n)
{
    pc_status status = PC_OK;
    pc_tensor *t = NULL;
    PC_TRY(read_pickle(r, "constants.pkl", "constants", &r->constants));
    const pc_item *root = r->constants.root;
    PC_CHECK(root->kind == PC_ITEM_TUPLE && root->n <= MOST_MODULES, PC_EFORMAT,
             "constants.pkl is no tuple of tensors");
    *n = (int32_t)root->n;
    PC_TRY(pc_graph_alloc(r->g, *n * (int64_t)sizeof **vars, vars));
    for (int32_t k = 0; k < *n; k++) {
        const pc_item *o = root->items[k];
        PC_CHECK(o->kind == PC_ITEM_OBJECT && o->tag == PC_OBJECT_TENSOR, PC_ENOTIMPL,
                 "constant %d of the model is no tensor", (int)k);
        PC_TRY(pc_saved_tensor_make(o->object, &t));
        PC_TRY(pc_graph_add_constant(r->g, t, &(*vars)[k]));
        pc_release(t);
        t = NULL;
    }
done:
    pc_release(t);
    return status;
}

static pc_status make_tensors(const reader *r, pc_tensor ***out)
{
    pc_status status = PC_OK;
    pc_tensor **tensors = pc_calloc((size_t)r->ntensors + 1, sizeof *tensors);
    PC_CHECK(tensors != NULL, PC_ENOMEM, "out of memory for an archive");
    for (int32_t k = 0; k < r->ntensors; k++) {
        PC_TRY(pc_saved_tensor_make(r->tensors[k], &tensors[k]));
        if (!r->parameter[k]) tensors[k]->requires_grad = false;
    }
    *out = tensors;
    tensors = NULL;
done:
    for (int32_t k = 0; tensors != NULL && k < r->ntensors; k++) pc_release(tensors[k]);
    pc_free(tensors);
    return status;
}

static pc_status load(reader *r, pc_loaded *out)
{
    pc_status status = PC_OK;
    int32_t root, *constants = NULL, nconstants = 0;
    pc_module *modules = NULL;
    PC_CHECK(pc_zip_find(r->z, "constants.pkl") != NULL || pc_zip_find(r->z, "data.pkl") == NULL, PC_EFORMAT,
             "this is no TorchScript archive but a file of torch.save: use load");
    PC_TRY(read_version(r->z, &r->script.version));
    PC_TRY(read_pickle(r, "data.pkl", "data", &r->data));
    PC_CHECK(r->data.root->kind == PC_ITEM_OBJECT && r->data.root->tag == OBJECT_MODULE, PC_EFORMAT,
             "data.pkl is no module");
    PC_TRY(read_module(r, r->data.root->object, 0, &root));
    PC_TRY(pc_graph_alloc(r->g, r->nmodules * (int64_t)sizeof *modules, &modules));
    memcpy(modules, r->modules, (size_t)r->nmodules * sizeof *modules);
    PC_TRY(pc_graph_set_modules(r->g, r->nmodules, modules, r->ntensors));
    PC_TRY(read_constants(r, &constants, &nconstants));
    pc_script_modules m = { r->classes, r->states, constants, nconstants };
    PC_TRY(pc_script_follow(&r->script, &m, r->g));
    PC_TRY(make_tensors(r, &out->tensors));
    out->graph = r->g;
    out->training = r->training;
    r->g = NULL;
    r->training = NULL;
done:
    return status;
}

static void free_checkpoint(pc_checkpoint *c)
{
    for (pc_saved_storage *s = c->storages; s != NULL; s = s->next) pc_release(s->values);
    pc_arena_free(&c->arena);
    pc_free(c->pickle);
}

pc_status pc_torchscript_load(const pc_zip *z, pc_loaded *out)
{
    pc_status status = PC_OK;
    reader *r = pc_calloc(1, sizeof *r);
    PC_CHECK(r != NULL, PC_ENOMEM, "out of memory for an archive");
    *out = (pc_loaded){ NULL };
    r->z = z;
    r->script.z = z;
    PC_TRY(pc_graph_new(&r->g));
    PC_TRY(load(r, out));
done:
    if (r != NULL) {
        free_checkpoint(&r->data);
        free_checkpoint(&r->constants);
        pc_script_free(&r->script);
        pc_graph_free(r->g);
        pc_free(r->modules);
        pc_free(r->classes);
        pc_free(r->states);
        pc_free(r->training);
        pc_free(r->tensors);
        pc_free(r->parameter);
        pc_free(r);
    }
    return status;
}

void pc_loaded_free(pc_loaded *l)
{
    for (int32_t k = 0; l->tensors != NULL && k < l->graph->ntensors; k++) pc_release(l->tensors[k]);
    pc_free(l->tensors);
    pc_free(l->training);
    pc_graph_free(l->graph);
    *l = (pc_loaded){ NULL };
}
