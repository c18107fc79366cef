/* script_lex.h -- TorchScript source as tokens. */
#ifndef PC_SCRIPT_LEX_H
#define PC_SCRIPT_LEX_H
#include "../core/status.h"
#include "../io/pickle.h"

typedef enum pc_token_kind { PC_TOKEN_NAME, PC_TOKEN_INT, PC_TOKEN_FLOAT, PC_TOKEN_TEXT, PC_TOKEN_SIGN, PC_TOKEN_LINE,
                             PC_TOKEN_END } pc_token_kind;

typedef struct pc_token {
    uint8_t kind;            /* LINE: a statement ends here */
    int32_t n, line, indent; /* indent: of the line that it begins, -1 within one */
    const char *p;           /* into the source; of a TEXT: with its quotes */
} pc_token;

/* The tokens of a terminated source, from the arena; the last is END. */
pc_status pc_script_tokens(pc_arena *a, const char *source, int64_t n, const char *name, pc_token **out);
static inline int pc_token_is(const pc_token *t, const char *text)
{
    int32_t k = 0;
    while (k < t->n && text[k] != 0 && text[k] == t->p[k]) k++;
    return k == t->n && text[k] == 0 && t->kind != PC_TOKEN_TEXT && t->kind != PC_TOKEN_LINE;
}
/* A copy of a NAME, or of what a TEXT stands for. */
pc_status pc_token_text(pc_arena *a, const pc_token *t, const char **out);

#endif
