/* text.h -- text in the making. A failure sticks: check status once at the end. */
#ifndef PC_TEXT_H
#define PC_TEXT_H
#include "../core/status.h"
#include <stdint.h>

typedef struct pc_text {
    char *p;                 /* terminated once anything was added */
    int64_t n, room;
    pc_status status;
} pc_text;

void pc_text_add(pc_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pc_text_put(pc_text *t, const char *p, int64_t n);
/* In quotes, with what needs it escaped. */
void pc_text_quoted(pc_text *t, const char *text);
/* As Python writes a float, with every digit that matters; never like an int. */
void pc_text_float(pc_text *t, double v);
void pc_text_free(pc_text *t);

#endif
