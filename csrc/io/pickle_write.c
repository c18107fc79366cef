/* pickle_write.c -- the opcodes of protocol 2, numbered in the memo as CPython's pickler numbers them. */
#include "../core/alloc.h"
#include "pickle.h"
#include <string.h>

void pc_pickle_start(pc_pickler *k)
{
    *k = (pc_pickler){ .status = PC_OK };
    pc_pickle_op(k, '\x80');
    pc_pickle_op(k, 2);
}

void pc_pickle_free(pc_pickler *k)
{
    pc_free(k->p);
    k->p = NULL;
}

static void append(pc_pickler *k, const void *p, int64_t n)
{
    if (k->status != PC_OK) return;
    if (n > k->room - k->n) {
        int64_t room = 2 * k->room > k->n + n ? 2 * k->room : k->n + n + 4096;
        uint8_t *larger = pc_alloc((size_t)room);
        if (larger == NULL) {
            k->status = pc_fail(PC_ENOMEM, "out of memory for a pickle of %lld bytes", (long long)room);
            return;
        }
        if (k->n > 0) memcpy(larger, k->p, (size_t)k->n);
        pc_free(k->p);
        k->p = larger;
        k->room = room;
    }
    if (n > 0) memcpy(k->p + k->n, p, (size_t)n);
    k->n += n;
}

static void append_number(pc_pickler *k, char op, uint64_t v, int bytes)
{
    uint8_t b[9] = { (uint8_t)op };
    for (int i = 0; i < bytes; i++) b[1 + i] = (uint8_t)(v >> 8 * i);
    append(k, b, 1 + bytes);
}

void pc_pickle_op(pc_pickler *k, char op)
{
    append(k, &op, 1);
}

void pc_pickle_int(pc_pickler *k, int64_t v)
{
    if (v >= 0 && v < 256) append_number(k, 'K', (uint64_t)v, 1);
    else if (v >= 0 && v < 65536) append_number(k, 'M', (uint64_t)v, 2);
    else if (v >= INT32_MIN && v <= INT32_MAX) append_number(k, 'J', (uint64_t)v, 4);
    else {
        uint8_t b[9];
        int n = 8;
        for (int i = 0; i < 8; i++) b[i] = (uint8_t)((uint64_t)v >> 8 * i);
        while (n > 1 && b[n - 1] == (b[n - 2] & 0x80 ? 0xff : 0)) n--;
        pc_pickle_long(k, b, n);
    }
}

void pc_pickle_long(pc_pickler *k, const uint8_t *bytes, int64_t n)
{
    if (n < 256) append_number(k, '\x8a', (uint64_t)n, 1);
    else append_number(k, '\x8b', (uint64_t)n, 4);
    append(k, bytes, n);
}

void pc_pickle_float(pc_pickler *k, double v)
{
    uint64_t bits, big = 0;
    memcpy(&bits, &v, 8);
    for (int i = 0; i < 8; i++) big = big << 8 | (bits >> 8 * i & 255);
    append_number(k, 'G', big, 8);
}

void pc_pickle_str(pc_pickler *k, const char *utf8, int64_t n)
{
    if (n > UINT32_MAX && k->status == PC_OK) k->status = pc_fail(PC_EVALUE, "strings of 4 GiB cannot be saved");
    append_number(k, 'X', (uint64_t)n, 4);
    append(k, utf8, n);
}

uint32_t pc_pickle_put(pc_pickler *k)
{
    if (k->memo < 256) append_number(k, 'q', k->memo, 1);
    else append_number(k, 'r', k->memo, 4);
    return k->memo++;
}

void pc_pickle_get(pc_pickler *k, uint32_t memo)
{
    if (memo < 256) append_number(k, 'h', memo, 1);
    else append_number(k, 'j', memo, 4);
}

void pc_pickle_name(pc_pickler *k, const char *module, const char *name)
{
    int room = (int)(sizeof k->name / sizeof k->name[0]);
    for (int i = 0; i < k->names; i++)
        if (strcmp(k->name[i].module, module) == 0 && strcmp(k->name[i].name, name) == 0) {
            pc_pickle_get(k, k->name[i].memo);
            return;
        }
    pc_pickle_op(k, 'c');
    append(k, module, (int64_t)strlen(module));
    pc_pickle_op(k, '\n');
    append(k, name, (int64_t)strlen(name));
    pc_pickle_op(k, '\n');
    uint32_t memo = pc_pickle_put(k);
    if (k->names == room) return; /* later mentions are written out again, which reads the same */
    k->name[k->names].module = module;
    k->name[k->names].name = name;
    k->name[k->names++].memo = memo;
}
