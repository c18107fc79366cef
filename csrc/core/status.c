/* status.c -- the per-thread error message, and warnings. */
#include "status.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

static _Thread_local char last_error[1024];

pc_status pc_fail(pc_status code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(last_error, sizeof last_error, fmt, ap);
    va_end(ap);
    return code;
}

const char *pc_last_error(void)
{
    return last_error;
}

static int (*_Atomic warning_handler)(const char *message);

void pc_set_warning_handler(int (*handler)(const char *message))
{
    atomic_store(&warning_handler, handler);
}

pc_status pc_warn(const char *fmt, ...)
{
    int (*handler)(const char *message) = atomic_load(&warning_handler);
    char message[1024];
    va_list ap;
    if (handler == NULL) return PC_OK;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    return handler(message) ? PC_EPYTHON : PC_OK;
}
