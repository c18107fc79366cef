/* script_class.c -- the classes in the source files of a TorchScript archive. */
#include "../core/alloc.h"
#include "script_class.h"
#include "text.h"
#include <ctype.h>
#include <string.h>

#define MOST_SOURCE ((int64_t)4 << 20)
#define MOST_FILES 100000

typedef struct pc_script_file {
    const char *module;
    struct pc_script_file *next;
} pc_script_file;

pc_status pc_script_refuse(const pc_token *t, const char *what)
{
    int n = t->n < 40 ? t->n : 40;
    if (t->kind == PC_TOKEN_LINE || t->kind == PC_TOKEN_END)
        return pc_fail(PC_EFORMAT, "line %d of the model's source: %s is expected at the end", (int)t->line, what);
    return pc_fail(PC_EFORMAT, "line %d of the model's source: %s is expected, not '%.*s'", (int)t->line, what, n,
                   t->p);
}

static pc_status no_memory(void)
{
    return pc_fail(PC_ENOMEM, "out of memory for the source of a model");
}

static pc_status expect(const pc_token **t, const char *sign)
{
    if (!pc_token_is(*t, sign)) return pc_script_refuse(*t, sign);
    ++*t;
    return PC_OK;
}

/* Brackets are balanced, and their depth is bounded: the tokens saw to it. */
pc_status pc_script_type(pc_arena *a, const pc_token **t, const char **out)
{
    const pc_token *start = *t;
    int depth = 0;
    if ((*t)->kind != PC_TOKEN_NAME && !pc_token_is(*t, "(")) return pc_script_refuse(*t, "a type");
    for (; (*t)->kind != PC_TOKEN_LINE && (*t)->kind != PC_TOKEN_END; ++*t) {
        if (pc_token_is(*t, "[") || pc_token_is(*t, "(")) depth++;
        else if (pc_token_is(*t, "]") || pc_token_is(*t, ")")) {
            if (depth == 0) break;
            depth--;
        } else if (depth == 0 && (*t)->kind != PC_TOKEN_NAME && !pc_token_is(*t, ".")) break;
    }
    if (out != NULL) {
        char *text = pc_arena_alloc(a, (*t)->p - start->p + 1);
        int64_t n = 0;
        if (text == NULL) return no_memory();
        for (const pc_token *k = start; k < *t; k++) {
            memcpy(text + n, k->p, (size_t)k->n);
            n += k->n;
        }
        text[n] = 0;
        *out = text;
    }
    return PC_OK;
}

static void skip_line(const pc_token **t)
{
    while ((*t)->kind != PC_TOKEN_LINE && (*t)->kind != PC_TOKEN_END) ++*t;
    if ((*t)->kind == PC_TOKEN_LINE) ++*t;
}

/* ---- methods --------------------------------------------------------------------------------------- */

/* def forward(self: TYPE, x: Tensor, ...) -> TYPE: */
static pc_status read_method(pc_script *s, const pc_token **t, pc_script_method *m)
{
    pc_status status = PC_OK;
    const pc_token *params[64];
    const char *types[64];
    int32_t def = (*t)->indent;
    ++*t;
    if ((*t)->kind != PC_TOKEN_NAME) PC_TRY(pc_script_refuse(*t, "a name"));
    PC_CHECK(!pc_token_is(*t, "__setstate__") && !pc_token_is(*t, "__getstate__"), PC_EFORMAT,
             "the model has a method %.*s: code that runs while a model is loaded is refused", (int)(*t)->n, (*t)->p);
    m->name = (*t)++;
    PC_TRY(expect(t, "("));
    PC_TRY(expect(t, "self"));
    if (pc_token_is(*t, ":")) {
        ++*t;
        PC_TRY(pc_script_type(&s->arena, t, NULL));
    }
    while (!pc_token_is(*t, ")")) {
        PC_TRY(expect(t, ","));
        if (pc_token_is(*t, ")")) break;
        if ((*t)->kind != PC_TOKEN_NAME) PC_TRY(pc_script_refuse(*t, "a name"));
        PC_CHECK(m->nparams < 64, PC_EFORMAT, "a method of more than 64 parameters");
        params[m->nparams] = (*t)++;
        types[m->nparams] = "Tensor";
        if (pc_token_is(*t, ":")) {
            ++*t;
            PC_TRY(pc_script_type(&s->arena, t, &types[m->nparams]));
        }
        m->nparams++;
        if (!pc_token_is(*t, ")") && !pc_token_is(*t, ",")) PC_TRY(pc_script_refuse(*t, "',' or ')'"));
    }
    ++*t;
    m->params = pc_arena_alloc(&s->arena, m->nparams * (int64_t)sizeof *m->params);
    m->types = pc_arena_alloc(&s->arena, m->nparams * (int64_t)sizeof *m->types);
    if (m->params == NULL || m->types == NULL) PC_TRY(no_memory());
    memcpy(m->params, params, (size_t)m->nparams * sizeof *params);
    memcpy(m->types, types, (size_t)m->nparams * sizeof *types);
    if (pc_token_is(*t, "->")) {
        ++*t;
        PC_TRY(pc_script_type(&s->arena, t, NULL));
    }
    PC_TRY(expect(t, ":"));
    if ((*t)->kind != PC_TOKEN_LINE) PC_TRY(pc_script_refuse(*t, "a new line"));
    ++*t;
    m->body = *t;
    m->indent = (*t)->indent;
    PC_CHECK(m->indent > def, PC_EFORMAT, "line %d of the model's source: a method without statements",
             (int)(*t)->line);
    while ((*t)->kind != PC_TOKEN_END && (*t)->indent > def) skip_line(t);
done:
    return status;
}

/* ---- classes --------------------------------------------------------------------------------------- */

/* ["weight", "bias", ]: marks what is declared later, so the names are kept until then. */
typedef struct names {
    const pc_token *first;   /* the token behind the bracket; NULL: none */
} names;

static pc_status list_has(pc_arena *a, names list, const char *name, bool *yes)
{
    pc_status status = PC_OK;
    *yes = false;
    for (const pc_token *t = list.first; t != NULL && !*yes && !pc_token_is(t, "]");) {
        const char *text;
        if (t->kind != PC_TOKEN_TEXT) PC_TRY(pc_script_refuse(t, "a name in quotes"));
        PC_TRY(pc_token_text(a, t, &text));
        *yes = strcmp(text, name) == 0;
        t++;
        if (pc_token_is(t, ",")) t++;
        else if (!pc_token_is(t, "]")) PC_TRY(pc_script_refuse(t, "','"));
    }
done:
    return status;
}

static pc_status read_names(const pc_token **t, names *out)
{
    pc_status status = PC_OK;
    PC_TRY(expect(t, "="));
    PC_TRY(expect(t, "["));
    out->first = *t;
    skip_line(t);
done:
    return status;
}

/* Into an array from the arena that doubles. */
static pc_status append(pc_arena *a, void *array, int32_t *n, size_t size, const void *item)
{
    char *old;
    memcpy(&old, array, sizeof old);
    if ((*n & (*n - 1)) == 0) { /* a power of two: full */
        char *larger = pc_arena_alloc(a, (*n > 0 ? 2 * *n : 1) * (int64_t)size);
        if (larger == NULL) return no_memory();
        if (*n > 0) memcpy(larger, old, (size_t)*n * size);
        old = larger;
        memcpy(array, &larger, sizeof larger);
    }
    memcpy(old + (size_t)*n * size, item, size);
    ++*n;
    return PC_OK;
}

static pc_status read_class(pc_script *s, const char *module, const pc_token **t, pc_script_class **out)
{
    pc_status status = PC_OK;
    pc_script_class *c = pc_arena_alloc(&s->arena, sizeof *c);
    names parameters = { NULL }, buffers = { NULL };
    int32_t indent = (*t)->indent;
    if (c == NULL) return no_memory();
    memset(c, 0, sizeof *c);
    ++*t;
    if ((*t)->kind != PC_TOKEN_NAME) PC_TRY(pc_script_refuse(*t, "a name"));
    int64_t n = (int64_t)strlen(module) + 1 + (*t)->n;
    char *type = pc_arena_alloc(&s->arena, n + 1);
    if (type == NULL) PC_TRY(no_memory());
    memcpy(type, module, strlen(module));
    type[strlen(module)] = '.';
    memcpy(type + strlen(module) + 1, (*t)->p, (size_t)(*t)->n);
    type[n] = 0;
    c->type = type;
    skip_line(t);
    while ((*t)->kind != PC_TOKEN_END && (*t)->indent > indent) {
        pc_script_attribute a = { NULL };
        const pc_token *first = *t;
        if (pc_token_is(first, "def")) {
            pc_script_method m = { NULL };
            PC_TRY(read_method(s, t, &m));
            PC_TRY(append(&s->arena, &c->methods, &c->nmethods, sizeof m, &m));
            continue;
        }
        if (first->kind != PC_TOKEN_NAME) PC_TRY(pc_script_refuse(first, "a name"));
        ++*t;
        if (pc_token_is(first, "__parameters__")) PC_TRY(read_names(t, &parameters));
        else if (pc_token_is(first, "__buffers__")) PC_TRY(read_names(t, &buffers));
        else if (pc_token_is(first, "__annotations__")) { /* ["0"] = TYPE */
            PC_TRY(expect(t, "["));
            if ((*t)->kind != PC_TOKEN_TEXT) PC_TRY(pc_script_refuse(*t, "a name in quotes"));
            PC_TRY(pc_token_text(&s->arena, (*t)++, &a.name));
            PC_TRY(expect(t, "]"));
            PC_TRY(expect(t, "="));
            PC_TRY(pc_script_type(&s->arena, t, &a.type));
            skip_line(t);
        } else if (pc_token_is(*t, ":")) {
            ++*t;
            PC_TRY(pc_token_text(&s->arena, first, &a.name));
            PC_TRY(pc_script_type(&s->arena, t, &a.type));
            skip_line(t);
        } else {
            skip_line(t); /* a constant of the class, a docstring: straight-line code does without */
        }
        if (a.name == NULL) continue;
        PC_TRY(list_has(&s->arena, parameters, a.name, &a.parameter));
        PC_TRY(list_has(&s->arena, buffers, a.name, &a.buffer));
        PC_TRY(append(&s->arena, &c->attributes, &c->nattributes, sizeof a, &a));
    }
    *out = c;
done:
    return status;
}

/* ---- files ----------------------------------------------------------------------------------------- */

static pc_status read_file(pc_script *s, const char *module)
{
    pc_status status = PC_OK;
    pc_text name = { .status = PC_OK };
    pc_token *tokens;
    const pc_token *t;
    char *source;
    pc_text_add(&name, "code/%s.py", module);
    PC_TRY(name.status);
    for (char *p = name.p; p < name.p + name.n - 3; p++)
        if (*p == '.') *p = '/';
    const pc_zip_record *r = pc_zip_find(s->z, name.p);
    PC_CHECK(r != NULL, PC_EFORMAT, "record %s is missing", name.p);
    PC_CHECK(r->size <= MOST_SOURCE, PC_EFORMAT, "record %s is too large (%lld bytes)", name.p, (long long)r->size);
    source = pc_arena_alloc(&s->arena, r->size + 1);
    if (source == NULL) PC_TRY(no_memory());
    PC_TRY(pc_zip_read(s->z, r, source));
    source[r->size] = 0;
    PC_TRY(pc_script_tokens(&s->arena, source, r->size, name.p, &tokens));
    for (t = tokens; t->kind != PC_TOKEN_END;) {
        pc_script_class *c = NULL;
        if (!pc_token_is(t, "class")) { /* a function, an import: nothing that a trace calls */
            skip_line(&t);
            continue;
        }
        PC_TRY(read_class(s, module, &t, &c));
        c->next = s->classes;
        s->classes = c;
    }
done:
    pc_text_free(&name);
    return status;
}

static const pc_script_class *known_class(const pc_script *s, const char *type)
{
    for (const pc_script_class *c = s->classes; c != NULL; c = c->next)
        if (strcmp(c->type, type) == 0) return c;
    return NULL;
}

pc_status pc_script_find_class(pc_script *s, const char *type, const pc_script_class **out)
{
    pc_status status = PC_OK;
    const char *dot = strrchr(type, '.');
    *out = known_class(s, type);
    if (*out != NULL) return PC_OK;
    PC_CHECK(dot != NULL && strlen(type) < 1000, PC_EFORMAT, "'%.100s' is no name of a class", type);
    for (const char *p = type; *p != 0; p++)
        PC_CHECK(isalnum((unsigned char)*p) || *p == '_' || *p == '.', PC_EFORMAT, "'%.100s' is no name of a class",
                 type);
    int64_t n = dot - type;
    int files = 0;
    for (const pc_script_file *f = s->files; f != NULL; f = f->next, files++)
        PC_CHECK((int64_t)strlen(f->module) != n || strncmp(f->module, type, (size_t)n) != 0, PC_EFORMAT,
                 "the class %.200s is not in the archive", type);
    PC_CHECK(files < MOST_FILES, PC_EFORMAT, "more than %d source files", MOST_FILES);
    pc_script_file *f = pc_arena_alloc(&s->arena, sizeof *f);
    char *module = pc_arena_alloc(&s->arena, n + 1);
    if (f == NULL || module == NULL) PC_TRY(no_memory());
    memcpy(module, type, (size_t)n);
    module[n] = 0;
    *f = (pc_script_file){ module, s->files };
    s->files = f;
    PC_TRY(read_file(s, module));
    *out = known_class(s, type);
    PC_CHECK(*out != NULL, PC_EFORMAT, "the class %.200s is not in the archive", type);
done:
    return status;
}

void pc_script_free(pc_script *s)
{
    pc_arena_free(&s->arena);
}
