/* text.c -- text in the making. */
#include "text.h"
#include "../core/alloc.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* n more characters and a terminator. */
static int make_room(pc_text *t, int64_t n)
{
    if (t->status != PC_OK) return 0;
    if (t->n + n + 1 <= t->room) return 1;
    int64_t room = 2 * t->room > t->n + n + 1 ? 2 * t->room : t->n + n + 1024;
    char *larger = pc_alloc((size_t)room);
    if (larger == NULL) {
        t->status = pc_fail(PC_ENOMEM, "out of memory for a text of %lld bytes", (long long)room);
        return 0;
    }
    if (t->n > 0) memcpy(larger, t->p, (size_t)t->n);
    pc_free(t->p);
    t->p = larger;
    t->room = room;
    return 1;
}

void pc_text_put(pc_text *t, const char *p, int64_t n)
{
    if (!make_room(t, n)) return;
    memcpy(t->p + t->n, p, (size_t)n);
    t->n += n;
    t->p[t->n] = 0;
}

void pc_text_add(pc_text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n >= 0 && make_room(t, n)) {
        vsnprintf(t->p + t->n, (size_t)n + 1, format, again);
        t->n += n;
    }
    va_end(again);
    va_end(args);
}

void pc_text_quoted(pc_text *t, const char *text)
{
    pc_text_put(t, "\"", 1);
    for (const char *p = text; *p != 0; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') pc_text_add(t, "\\%c", c);
        else if (c == '\n') pc_text_put(t, "\\n", 2);
        else if (c == '\t') pc_text_put(t, "\\t", 2);
        else if (c < 32 || c == 127) pc_text_add(t, "\\%03o", c);
        else pc_text_put(t, p, 1);
    }
    pc_text_put(t, "\"", 1);
}

void pc_text_float(pc_text *t, double v)
{
    char buf[40];
    if (isnan(v)) snprintf(buf, sizeof buf, "nan");
    else if (isinf(v)) snprintf(buf, sizeof buf, v > 0 ? "inf" : "-inf");
    else {
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(buf, sizeof buf, "%.*g", digits, v);
            if (strtod(buf, NULL) == v) break;
        }
        if (strpbrk(buf, ".e") == NULL) strcat(buf, ".");
    }
    pc_text_add(t, "%s", buf);
}

void pc_text_free(pc_text *t)
{
    pc_free(t->p);
    *t = (pc_text){ .status = PC_OK };
}
