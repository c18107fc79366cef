/* script_class.h -- what script_class.c and script_follow.c share: methods as ranges of tokens. */
#ifndef PC_SCRIPT_CLASS_H
#define PC_SCRIPT_CLASS_H
#include "script_lex.h"
#include "script_read.h"

typedef struct pc_script_method {
    const pc_token *name;
    int32_t nparams;
    const pc_token **params; /* names, without self */
    const char **types;      /* of the parameters */
    const pc_token *body;    /* the first token of the first statement */
    int32_t indent;          /* of its statements */
} pc_script_method;

/* Past the end of a type from *t on, whose text is *out if it is not NULL. */
pc_status pc_script_type(pc_arena *a, const pc_token **t, const char **out);
pc_status pc_script_refuse(const pc_token *t, const char *what);

#endif
