/* script_lex.c -- TorchScript source as tokens. Lines within brackets belong together. */
#include "script_lex.h"
#include <ctype.h>
#include <string.h>

#define MOST_BRACKETS 1000

typedef struct lexer {
    const char *p, *end, *name;
    int32_t line, indent;
    int brackets;
    pc_token *tokens;
    int64_t n;
} lexer;

static pc_status refuse(const lexer *x, const char *what)
{
    return pc_fail(PC_EFORMAT, "%s, line %d: %s", x->name, (int)x->line, what);
}

static void push(lexer *x, pc_token_kind kind, const char *p, int64_t n)
{
    x->tokens[x->n++] =
        (pc_token){ .kind = (uint8_t)kind, .p = p, .n = (int32_t)n, .line = x->line, .indent = x->indent };
    x->indent = -1;
}

static bool is_name(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* 12, 1.5, .5, 1e-05, 2. */
static void number(lexer *x)
{
    const char *p = x->p;
    bool whole = true;
    while (p < x->end && (isdigit((unsigned char)*p) || *p == '.' || *p == 'e' || *p == 'E'
                          || ((*p == '-' || *p == '+') && (p[-1] == 'e' || p[-1] == 'E')))) {
        whole = whole && isdigit((unsigned char)*p);
        p++;
    }
    push(x, whole ? PC_TOKEN_INT : PC_TOKEN_FLOAT, x->p, p - x->p);
    x->p = p;
}

static pc_status text(lexer *x)
{
    const char *p = x->p + 1;
    while (p < x->end && *p != *x->p && *p != '\n') p += *p == '\\' && p + 1 < x->end ? 2 : 1;
    if (p >= x->end || *p != *x->p) return refuse(x, "a string without its end");
    push(x, PC_TOKEN_TEXT, x->p, p + 1 - x->p);
    x->p = p + 1;
    return PC_OK;
}

static pc_status next(lexer *x)
{
    char c = *x->p;
    if (c == '\n') {
        if (x->brackets == 0 && x->n > 0 && x->tokens[x->n - 1].kind != PC_TOKEN_LINE) push(x, PC_TOKEN_LINE, x->p, 0);
        x->p++;
        x->line++;
        const char *start = x->p;
        while (x->p < x->end && *x->p == ' ') x->p++;
        if (x->brackets == 0) x->indent = (int32_t)(x->p - start);
    } else if (c == ' ' || c == '\r' || c == '\t') {
        x->p++;
    } else if (c == '#') {
        while (x->p < x->end && *x->p != '\n') x->p++;
    } else if (isdigit((unsigned char)c) || (c == '.' && x->p + 1 < x->end && isdigit((unsigned char)x->p[1]))) {
        number(x);
    } else if (is_name(c)) {
        const char *p = x->p;
        while (p < x->end && is_name(*p)) p++;
        push(x, PC_TOKEN_NAME, x->p, p - x->p);
        x->p = p;
    } else if (c == '"' || c == '\'') {
        return text(x);
    } else {
        if (strchr("([{", c) != NULL && ++x->brackets > MOST_BRACKETS) return refuse(x, "too many nested parentheses");
        if (strchr(")]}", c) != NULL && --x->brackets < 0) return refuse(x, "a bracket that was not opened");
        if (c == 0 || strchr("()[]{},.:=-+*/<>%&|^~!@", c) == NULL)
            return refuse(x, "a character that is no TorchScript");
        bool arrow = c == '-' && x->p + 1 < x->end && x->p[1] == '>';
        push(x, PC_TOKEN_SIGN, x->p, 1 + arrow);
        x->p += 1 + arrow;
    }
    return PC_OK;
}

pc_status pc_script_tokens(pc_arena *a, const char *source, int64_t n, const char *name, pc_token **out)
{
    pc_status status = PC_OK;
    lexer x = { .p = source, .end = source + n, .name = name, .line = 1 };
    x.tokens = pc_arena_alloc(a, (n + 2) * (int64_t)sizeof *x.tokens);
    PC_CHECK(x.tokens != NULL, PC_EFORMAT, "%s is too large (%lld bytes)", name, (long long)n);
    while (x.p < x.end) PC_TRY(next(&x));
    PC_CHECK(x.brackets == 0, PC_EFORMAT, "%s: a bracket is not closed", name);
    if (x.n > 0 && x.tokens[x.n - 1].kind != PC_TOKEN_LINE) push(&x, PC_TOKEN_LINE, x.p, 0);
    x.indent = 0;
    push(&x, PC_TOKEN_END, x.p, 0);
    *out = x.tokens;
done:
    return status;
}

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

pc_status pc_token_text(pc_arena *a, const pc_token *t, const char **out)
{
    static const char from[] = "ntrabfv", to[] = "\n\t\r\a\b\f\v";
    const char *p = t->p, *end = t->p + t->n;
    char *copy = pc_arena_alloc(a, t->n + 1), *at = copy;
    if (copy == NULL) return pc_fail(PC_ENOMEM, "out of memory for the source of a model");
    if (t->kind == PC_TOKEN_TEXT) p++, end--;
    while (p < end) {
        if (*p != '\\' || t->kind != PC_TOKEN_TEXT || p + 1 == end) {
            *at++ = *p++;
            continue;
        }
        char c = *++p;
        const char *plain = strchr(from, c);
        p++;
        if (c == 'x' && end - p >= 2 && hex(p[0]) >= 0 && hex(p[1]) >= 0) {
            *at++ = (char)(hex(p[0]) * 16 + hex(p[1]));
            p += 2;
        } else if (c >= '0' && c <= '7') {
            int v = c - '0';
            for (int k = 0; k < 2 && p < end && *p >= '0' && *p <= '7'; k++) v = v * 8 + *p++ - '0';
            *at++ = (char)v;
        } else {
            *at++ = plain != NULL ? to[plain - from] : c;
        }
    }
    *at = 0;
    if (memchr(copy, 0, (size_t)(at - copy)) != NULL)
        return pc_fail(PC_EFORMAT, "a string with a zero in the source of a model");
    *out = copy;
    return PC_OK;
}
