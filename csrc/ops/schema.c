/* schema.c -- from the text of a row to its parameters. */
#include "schema.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const char *text, *at;
} reader;

static bool eat(reader *r, const char *token)
{
    while (*r->at == ' ') r->at++;
    size_t n = strlen(token);
    if (strncmp(r->at, token, n) != 0) return false;
    r->at += n;
    return true;
}

static pc_status word(reader *r, char *buf, size_t size)
{
    while (*r->at == ' ') r->at++;
    size_t n = 0;
    while (isalnum((unsigned char)r->at[n]) || r->at[n] == '_') n++;
    if (n == 0 || n >= size) return pc_fail(PC_EVALUE, "schema '%s': a name is expected at '%s'", r->text, r->at);
    memcpy(buf, r->at, n);
    buf[n] = 0;
    r->at += n;
    return PC_OK;
}

static pc_status type(reader *r, pc_param *p)
{
    static const struct {
        const char *name;
        pc_type type;
    } types[] = { { "Tensor", PC_T_TENSOR }, { "Operand", PC_T_OPERAND }, { "int", PC_T_INT }, { "float", PC_T_FLOAT },
                  { "bool", PC_T_BOOL }, { "Scalar", PC_T_SCALAR }, { "ScalarType", PC_T_DTYPE },
                  { "Generator", PC_T_GENERATOR } };
    char name[16];
    pc_status status = word(r, name, sizeof name);
    if (status != PC_OK) return status;
    size_t k = 0, count = sizeof types / sizeof types[0];
    while (k < count && strcmp(types[k].name, name) != 0) k++;
    if (k == count) return pc_fail(PC_EVALUE, "schema '%s': unknown type %s", r->text, name);
    p->type = types[k].type;
    if (r->at[0] == '?' && r->at[1] == '[') {
        r->at++;
        p->has_gaps = true;
    }
    if (*r->at == '[') {
        r->at++;
        p->type = p->type == PC_T_TENSOR ? PC_T_TENSORS : PC_T_INTS;
        p->length = (int)strtol(r->at, (char **)&r->at, 10);
        if (!eat(r, "]")) return pc_fail(PC_EVALUE, "schema '%s': ']' is expected at '%s'", r->text, r->at);
    }
    if (*r->at == '?') {
        r->at++;
        p->optional = true;
    }
    return PC_OK;
}

static pc_status number(reader *r, pc_value *v)
{
    char *end, *end_int;
    double f = strtod(r->at, &end);
    int64_t i = strtoll(r->at, &end_int, 10);
    if (end == r->at) return pc_fail(PC_EVALUE, "schema '%s': a number is expected at '%s'", r->text, r->at);
    *v = end == end_int ? (pc_value){ .kind = PC_INT, .i = i } : (pc_value){ .kind = PC_FLOAT, .f = f };
    r->at = end;
    return PC_OK;
}

static pc_status dflt(reader *r, pc_param *p)
{
    pc_status status = PC_OK;
    pc_value *v = &p->dflt, item;
    bool yes = eat(r, "True");
    p->has_default = true;
    if (yes || eat(r, "False")) {
        *v = (pc_value){ .kind = PC_BOOLEAN, .i = yes };
    } else if (eat(r, "None")) {
        v->kind = PC_NONE;
    } else if (eat(r, "[")) {
        *v = (pc_value){ .kind = PC_INTS };
        while (!eat(r, "]")) {
            PC_TRY(number(r, &item));
            PC_CHECK(v->ints.n < PC_MAX_DIMS, PC_EVALUE, "schema '%s': too many numbers", r->text);
            v->ints.v[v->ints.n++] = item.i;
            eat(r, ",");
        }
    } else {
        PC_TRY(number(r, v));
        if (p->type == PC_T_FLOAT && v->kind == PC_INT) *v = (pc_value){ .kind = PC_FLOAT, .f = (double)v->i };
        if (p->type == PC_T_INTS) {
            int64_t x = v->i;
            *v = (pc_value){ .kind = PC_INTS, .ints.n = p->length };
            for (int k = 0; k < p->length; k++) v->ints.v[k] = x;
        }
    }
done:
    return status;
}

pc_status pc_schema_parse(const char *text, pc_schema *out)
{
    pc_status status = PC_OK;
    reader r = { text, text };
    bool keyword_only = false;
    memset(out, 0, sizeof *out);
    PC_TRY(word(&r, out->name, sizeof out->name));
    if (*r.at == '.') {
        char overload[32];
        r.at++;
        PC_TRY(word(&r, overload, sizeof overload));
    }
    PC_CHECK(eat(&r, "("), PC_EVALUE, "schema '%s': '(' is expected at '%s'", text, r.at);
    while (!eat(&r, ")")) {
        if (eat(&r, "*")) {
            keyword_only = true;
            eat(&r, ",");
            continue;
        }
        PC_CHECK(out->nparams < PC_MAX_PARAMS, PC_EVALUE, "schema '%s': too many parameters", text);
        pc_param *p = &out->params[out->nparams];
        PC_TRY(type(&r, p));
        PC_TRY(word(&r, p->name, sizeof p->name));
        p->keyword_only = keyword_only;
        if (eat(&r, "=")) PC_TRY(dflt(&r, p));
        if (p->type == PC_T_TENSORS) out->list = true;
        bool tensor = p->type == PC_T_TENSOR || p->type == PC_T_TENSORS || p->type == PC_T_OPERAND;
        p->slot = tensor ? out->ntensors++ : out->nvalues++;
        out->nparams++;
        eat(&r, ",");
    }
    PC_CHECK(!out->list || out->ntensors == 1, PC_EVALUE, "schema '%s': a Tensor[] must be the only tensor", text);
    PC_CHECK(eat(&r, "->"), PC_EVALUE, "schema '%s': '->' is expected at '%s'", text, r.at);
    if (eat(&r, "(")) {
        while (!eat(&r, ")")) {
            PC_CHECK(eat(&r, "Tensor") && out->nreturns < 2, PC_EVALUE, "schema '%s': at most two Tensors", text);
            PC_TRY(word(&r, out->returns[out->nreturns++], sizeof out->returns[0]));
            eat(&r, ",");
        }
    } else {
        PC_CHECK(eat(&r, "Tensor"), PC_EVALUE, "schema '%s': Tensor is expected at '%s'", text, r.at);
        out->nreturns = eat(&r, "[]") ? 0 : 1;
    }
done:
    return status;
}
