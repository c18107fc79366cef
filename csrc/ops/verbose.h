/* verbose.h -- PYCNN_VERBOSE=1: operators that have several algorithms say which one ran, and why those before it did
   not. */
#ifndef PC_VERBOSE_H
#define PC_VERBOSE_H
#include <stdbool.h>

bool pc_verbose(void);
/* Appends "; not NAME: REASON" to a text that starts empty, as far as it fits. */
#define PC_REASONS 400
void pc_reason(char text[PC_REASONS], const char *name, const char *reason);

#endif
