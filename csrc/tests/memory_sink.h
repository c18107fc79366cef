/* memory_sink.h -- a sink that keeps in memory what is written to it; p is the test's to free. */
#ifndef PC_TESTS_MEMORY_SINK_H
#define PC_TESTS_MEMORY_SINK_H
#include "../io/zip.h"
#include <stdlib.h>
#include <string.h>

typedef struct memory_sink {
    pc_sink sink;
    uint8_t *p;
    int64_t n, room;
} memory_sink;

static inline pc_status memory_write(pc_sink *sink, const void *p, int64_t n)
{
    memory_sink *m = (memory_sink *)sink;
    if (n > m->room - m->n) {
        m->room = 2 * (m->n + n);
        m->p = realloc(m->p, (size_t)m->room);
    }
    memcpy(m->p + m->n, p, (size_t)n);
    m->n += n;
    return PC_OK;
}

#endif
