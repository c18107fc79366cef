/* pickle_items.c -- the memory of unpickled values and questions about them. */
#include "../core/alloc.h"
#include "pickle.h"
#include <string.h>

#define CHUNK ((int64_t)64 << 10)
/* A one-byte opcode can make an item of 96 bytes: what a file makes is bounded, however it was written. */
#define ARENA_LIMIT ((int64_t)1 << 30)

struct pc_chunk {
    struct pc_chunk *next;
    int64_t used, room;
    _Alignas(16) char bytes[];
};

void *pc_arena_alloc(pc_arena *a, int64_t bytes)
{
    struct pc_chunk *c = a->chunks;
    if (bytes < 0 || bytes > ARENA_LIMIT - a->used) return NULL;
    bytes = (bytes + 15) & ~(int64_t)15;
    if (c == NULL || bytes > c->room - c->used) {
        int64_t room = bytes > CHUNK / 4 ? bytes : CHUNK;
        struct pc_chunk *fresh = pc_alloc(sizeof *fresh + (size_t)room);
        if (fresh == NULL) return NULL;
        fresh->used = 0;
        fresh->room = room;
        if (room == CHUNK || c == NULL) {
            fresh->next = c;
            a->chunks = fresh;
        } else { /* a large block of its own: the current chunk stays in use */
            fresh->next = c->next;
            c->next = fresh;
        }
        c = fresh;
    }
    void *p = c->bytes + c->used;
    c->used += bytes;
    a->used += bytes;
    return p;
}

pc_status pc_arena_item(pc_arena *a, pc_item_kind kind, pc_item **out)
{
    if (a->used > ARENA_LIMIT - (int64_t)sizeof(pc_item))
        return pc_fail(PC_EFORMAT, "the pickle makes too many values");
    pc_item *o = pc_arena_alloc(a, sizeof *o);
    if (o == NULL) return pc_fail(PC_ENOMEM, "out of memory for the pickle's values");
    memset(o, 0, sizeof *o);
    o->kind = (uint8_t)kind;
    if (a->last != NULL) a->last->next = o;
    else a->first = o;
    a->last = o;
    *out = o;
    return PC_OK;
}

void pc_arena_free(pc_arena *a)
{
    while (a->chunks != NULL) {
        struct pc_chunk *next = a->chunks->next;
        pc_free(a->chunks);
        a->chunks = next;
    }
    *a = (pc_arena){ 0 };
}

bool pc_item_is(const pc_item *o, const char *text)
{
    int64_t n = (int64_t)strlen(text);
    return o->kind >= PC_ITEM_STR && o->kind <= PC_ITEM_BYTES && o->n == n && memcmp(o->text, text, (size_t)n) == 0;
}

const pc_item *pc_item_get(const pc_item *dict, const char *key)
{
    const pc_item *found = NULL;
    if (dict->kind != PC_ITEM_DICT) return NULL;
    for (int64_t k = 0; k + 1 < dict->n; k += 2)
        if (pc_item_is(dict->items[k], key)) found = dict->items[k + 1];
    return found;
}

const char *pc_item_kind_name(const pc_item *o)
{
    static const char *const names[] = { "None", "a bool", "an int", "an int", "a float", "a complex", "a string",
                                         "a string", "bytes", "a tuple", "a list", "a set", "a dict", "a name",
                                         "an object" };
    return names[o->kind];
}
