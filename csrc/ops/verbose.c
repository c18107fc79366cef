/* verbose.c -- what PYCNN_VERBOSE=1 prints. */
#include "verbose.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool pc_verbose(void)
{
    static _Atomic int known; /* 1 no, 2 yes */
    if (known == 0) {
        const char *text = getenv("PYCNN_VERBOSE");
        known = text != NULL && text[0] != 0 && strcmp(text, "0") != 0 ? 2 : 1;
    }
    return known == 2;
}

void pc_reason(char text[PC_REASONS], const char *name, const char *reason)
{
    size_t used = strlen(text);
    snprintf(text + used, PC_REASONS - used, "; not %s: %s", name, reason);
}
