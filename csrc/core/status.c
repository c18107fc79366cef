/* status.c -- the per-thread error message. */
#include "status.h"
#include <stdarg.h>
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
