/* op_doc.c -- the docstrings of operators: numpydoc pages made from the schemas and texts of rows. */
#include "python.h"
#include <stdarg.h>
#include <string.h>

/* What parameters of a name mean wherever a row says nothing else. */
static const struct {
    const char *name, *text;
} common[] = {
    { "alpha", "Factor of `other`." },
    { "atol", "Absolute tolerance." },
    { "axis0", "Axis, counted from the end if negative." },
    { "axis1", "Axis, counted from the end if negative." },
    { "beta", "Factor of the input." },
    { "bias", "One number per output channel or feature." },
    { "ceil_mode", "Keep a last window that reaches over the edge." },
    { "condition", "Of bool; broadcast with the others." },
    { "correction", "Subtracted from the number of elements in the denominator; None stands for 1." },
    { "count_include_pad", "Count padding in the denominator." },
    { "descending", "The largest come first." },
    { "device", "\"cpu\"; any other is refused." },
    { "diagonal", "0 is the main diagonal, positive ones lie above it." },
    { "dilation", "Distance of neighbouring elements of a window." },
    { "dim", "Dimension, counted from the end if negative. NumPy's ``axis=`` is understood, too." },
    { "dim0", "Dimension, counted from the end if negative." },
    { "dim1", "Dimension, counted from the end if negative." },
    { "dim2", "Dimension, counted from the end if negative." },
    { "dims", "Dimensions, counted from the end if negative." },
    { "divisor_override", "The denominator instead of the size of the window." },
    { "dtype", "Of the result." },
    { "end_dim", "Last dimension, included." },
    { "eps", "Added to the variance." },
    { "equal_nan", "Two NaNs are close to each other." },
    { "fill_value", "Of all elements." },
    { "generator", "Source of random numbers; ``default_generator`` by default." },
    { "groups", "Number of groups of channels that are convolved separately." },
    { "high", "Above the largest integer." },
    { "ignore_index", "A class that counts as nothing." },
    { "index", "Of int64." },
    { "indices", "Of int64." },
    { "keepdim", "Keep reduced dimensions, with size 1. NumPy's ``keepdims=`` is understood, too." },
    { "kernel_size", "Size of a window, one number for all sides or one each." },
    { "label_smoothing", "Share of the target that is spread over all classes." },
    { "layout", "``pycnn.strided``; there is no other." },
    { "low", "The smallest integer." },
    { "mask", "Of bool; broadcast with the input." },
    { "mat1", "The left matrix." },
    { "mat2", "The right matrix." },
    { "max", "Upper bound." },
    { "max_val", "Upper bound." },
    { "mean", "Mean of the distribution." },
    { "memory_format", "Order of the dimensions in memory." },
    { "min", "Lower bound." },
    { "min_val", "Lower bound." },
    { "n", "Number of rows, or of integers." },
    { "negative_slope", "Slope where the input is negative." },
    { "num_samples", "Number of draws in each row." },
    { "other", "Broadcast with the first argument; dtypes are promoted as torch does." },
    { "out", "Receives the result; of the result's shape." },
    { "output_size", "Size of the result." },
    { "p", "Probability." },
    { "padding", "Added on both sides." },
    { "pin_memory", "Accepted and ignored: there is no GPU." },
    { "requires_grad", "Record what is done with the tensor, so that ``backward()`` gives its gradient." },
    { "rtol", "Relative tolerance." },
    { "shape", "Of the result; -1 stands for what is left." },
    { "size", "Shape of the result, as numbers or as one sequence." },
    { "sorted", "The result is in order." },
    { "src", "Values to write." },
    { "source", "Values to write." },
    { "stable", "Accepted: sorting is always stable." },
    { "start_dim", "First dimension." },
    { "std", "Standard deviation of the distribution." },
    { "stride", "Step between windows; the size of the window by default." },
    { "target", "Of the input's shape." },
    { "tensors", "What is joined; dtypes are promoted as torch does." },
    { "train", "False: return the input." },
    { "unbiased", "Subtract 1 from the number of elements in the denominator (Bessel's correction)." },
    { "value", "A number." },
    { "weight", "One number per channel, or the layer's weight." },
};

/* A text that is cut when the room ends, which the build of all pages never reaches. */
typedef struct page {
    char text[16384];
    size_t at;
} page;

static void put(page *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = PyOS_vsnprintf(w->text + w->at, sizeof w->text - w->at, format, args);
    va_end(args);
    w->at = n > 0 && w->at + (size_t)n < sizeof w->text ? w->at + (size_t)n : sizeof w->text - 1;
}

static const char *type_of(const pc_param *p)
{
    switch (p->type) {
    case PC_T_TENSOR: return "Tensor";
    case PC_T_TENSORS: return "sequence of Tensor";
    case PC_T_OPERAND: return "Tensor or number";
    case PC_T_INT: return "int";
    case PC_T_INTS: return p->length == 1 ? "int" : "int or sequence of int";
    case PC_T_FLOAT: return "float";
    case PC_T_BOOL: return "bool";
    case PC_T_SCALAR: return "number";
    case PC_T_DTYPE: return "dtype";
    case PC_T_GENERATOR: return "Generator";
    }
    return "";
}

static void put_default(page *w, const pc_value *v)
{
    switch (v->kind) {
    case PC_BOOLEAN: put(w, "%s", v->i ? "True" : "False"); break;
    case PC_INT: put(w, "%lld", (long long)v->i); break;
    case PC_FLOAT: put(w, v->f == (double)(int64_t)v->f ? "%.1f" : "%.12g", v->f); break;
    case PC_INTS:
        put(w, "(");
        for (int k = 0; k < v->ints.n; k++) put(w, k > 0 ? ", %lld" : "%lld", (long long)v->ints.v[k]);
        put(w, v->ints.n == 1 ? ",)" : ")");
        break;
    default: put(w, "None");
    }
}

/* What callers call a parameter: a function's first is input, as torch has it. */
static const char *name_of(const pc_param *p, bool method)
{
    return !method && strcmp(p->name, "self") == 0 ? "input" : p->name;
}

/* The line "KEY: text" of a row's doc, after its first; NULL without one. */
static const char *own_text(const pc_op *op, const char *key, size_t *length)
{
    size_t n = strlen(key);
    for (const char *line = strchr(op->doc, '\n'); line != NULL; line = strchr(line, '\n')) {
        line++;
        if (strncmp(line, key, n) == 0 && line[n] == ':') {
            line += n + 1 + (line[n + 1] == ' ');
            *length = strcspn(line, "\n");
            return line;
        }
    }
    return NULL;
}

static void put_text(page *w, const pc_op *op, const char *name)
{
    size_t length = 0;
    const char *own = own_text(op, name, &length);
    if (own == NULL && strcmp(name, "input") == 0) own = own_text(op, "self", &length);
    if (own != NULL) {
        put(w, "    %.*s\n", (int)length, own);
        return;
    }
    for (size_t k = 0; k < sizeof common / sizeof common[0]; k++)
        if (strcmp(common[k].name, name) == 0) put(w, "    %s\n", common[k].text);
}

/* Keywords that the caller adds to a row's: see common_keyword in op_call.c. */
static bool takes_out(const pc_op *op, const pc_schema *s, bool inplace, bool method)
{
    return !method && !inplace && s->nreturns == 1 && (op->flags & PC_FUNCTION) && !(op->flags & PC_VIEW);
}

/* self: with the first parameter of a method, as inspect wants it. */
static void put_signature(page *w, const char *name, const pc_op *op, const pc_schema *s, bool inplace, bool method,
                          bool self)
{
    bool starred = false;
    put(w, "%s(", name);
    for (int k = method && !self ? 1 : 0, first = k; k < s->nparams; k++) {
        const pc_param *p = &s->params[k];
        if (p->keyword_only && !starred) put(w, k > first ? ", *" : "*");
        starred = starred || p->keyword_only;
        put(w, "%s%s", k > first || p->keyword_only ? ", " : "", method && k == 0 ? "$self" : name_of(p, method));
        if (p->has_default) put(w, "=");
        if (p->has_default) put_default(w, &p->dflt);
    }
    bool out = takes_out(op, s, inplace, method), factory = (op->flags & PC_FACTORY) != 0;
    if ((out || factory) && !starred) put(w, s->nparams > (method && !self) ? ", *" : "*");
    if (out) put(w, ", out=None");
    if (factory) put(w, ", layout=None, device=None, pin_memory=False, requires_grad=False");
    put(w, ")");
}

/* A parameter of some of the rows, entered when its first row comes. */
static void put_parameter(page *w, int nrows, const int *rows, int row, int k, bool method)
{
    const pc_param *first = &pc_op_schema(rows[row])->params[k];
    bool optional = false, has_default = true;
    const char *types[8];
    int ntypes = 0;
    for (int r = 0; r < nrows; r++) {
        const pc_schema *s = pc_op_schema(rows[r]);
        int j = 0;
        while (j < s->nparams && strcmp(s->params[j].name, first->name) != 0) j++;
        if (j < s->nparams && r < row) return; /* it stands there */
        if (j == s->nparams) {
            optional = true;
            continue;
        }
        const char *type = type_of(&s->params[j]);
        int t = 0;
        while (t < ntypes && strcmp(types[t], type) != 0) t++;
        if (t == ntypes && ntypes < 8) types[ntypes++] = type;
        has_default = has_default && s->params[j].has_default;
        optional = optional || s->params[j].optional || s->params[j].has_default;
    }
    put(w, "%s : ", name_of(first, method));
    for (int t = 0; t < ntypes; t++) put(w, t > 0 ? " or %s" : "%s", types[t]);
    if (has_default && first->dflt.kind != PC_NONE) {
        put(w, ", default ");
        if (first->length == 1) put(w, "%lld", (long long)first->dflt.ints.v[0]);
        else put_default(w, &first->dflt);
    } else if (optional) {
        put(w, first->has_default || !first->optional ? ", optional" : " or None");
    }
    put(w, "\n");
    put_text(w, pc_op_at(rows[row]), name_of(first, method));
}

/* The type of each result that the overloads have, and the text of the first row that says something. */
static void put_returns(page *w, int nrows, const int *rows, bool inplace)
{
    const char *own = NULL;
    size_t length = 0;
    bool seen[3] = { false }, view = true;
    put(w, "\nReturns\n-------\n");
    for (int r = 0, ntypes = 0; r < nrows; r++) {
        const pc_op *op = pc_op_at(rows[r]);
        const pc_schema *s = pc_op_schema(rows[r]);
        if (own == NULL) own = own_text(op, "returns", &length);
        view = view && (op->flags & PC_VIEW);
        if (seen[s->nreturns]) continue;
        seen[s->nreturns] = true;
        if (ntypes++ > 0) put(w, " or ");
        if (s->nreturns == 2) put(w, "named tuple (%s, %s)", s->returns[0], s->returns[1]);
        else put(w, s->nreturns == 0 ? "tuple of Tensor" : "Tensor");
    }
    put(w, "\n");
    if (own != NULL) put(w, "    %.*s\n", (int)length, own);
    else if (inplace) put(w, "    The first argument itself.\n");
    else if (view) put(w, "    %s\n", seen[0] ? "Views of the input: they share its memory."
                                             : "A view where the strides allow it: it shares the input's memory.");
}

/* Lines of the row's doc that start with "note: ". */
static void put_notes(page *w, const pc_op *op, bool inplace)
{
    bool titled = false;
    for (const char *line = strchr(op->doc, '\n'); line != NULL; line = strchr(line, '\n')) {
        line++;
        if (strncmp(line, "note: ", 6) != 0) continue;
        put(w, "%s%.*s\n", titled ? "" : "\nNotes\n-----\n", (int)strcspn(line + 6, "\n"), line + 6);
        titled = true;
    }
    const char *grad = inplace || op->backward != NULL || (op->flags & (PC_WRITES | PC_FACTORY)) ? NULL
                       : op->flags & PC_NOGRAD ? "The result does not require grad."
                                               : "There is no gradient: ``backward()`` raises an error.";
    if (grad != NULL) put(w, "%s%s\n", titled ? "" : "\nNotes\n-----\n", grad);
}

/* May inspect see the signature? Not with a parameter called from, as torch's uniform_ has one. */
static bool is_python(const pc_schema *s)
{
    for (int k = 0; k < s->nparams; k++)
        if (strcmp(s->params[k].name, "from") == 0) return false;
    return true;
}

char *pc_py_document(const char *name, int nrows, const int *rows, bool inplace, bool method)
{
    static page w;
    int some[8], n = 0;
    for (int r = 0; r < nrows; r++) /* an overload may be a function alone */
        if (!method || (pc_op_at(rows[r])->flags & PC_METHOD)) some[n++] = rows[r];
    if (n == 0) some[n++] = rows[0];
    w.at = 0;
    bool factory = false, out = false, inspected = n == 1 && is_python(pc_op_schema(some[0]));
    for (int r = 0; r < n; r++) {
        const pc_op *op = pc_op_at(some[r]);
        put_signature(&w, name, op, pc_op_schema(some[r]), inplace, method, inspected);
        put(&w, inspected ? "\n--\n\n" : "\n");
        factory = factory || (op->flags & PC_FACTORY);
        out = out || takes_out(op, pc_op_schema(some[r]), inplace, method);
    }
    const pc_op *op = pc_op_at(some[0]);
    for (int r = 0; r < n; r++) { /* what each overload does */
        const char *doc = pc_op_at(some[r])->doc;
        put(&w, "%s%.*s\n", r > 0 || !inspected ? "\n" : "", (int)strcspn(doc, "\n"), doc);
    }
    if (inplace && !(op->flags & PC_WRITES)) put(&w, "\nThe result replaces the first argument's values.\n");
    int parameters = 0;
    for (int r = 0; r < n; r++)
        for (int k = method ? 1 : 0; k < pc_op_schema(some[r])->nparams; k++) {
            if (parameters++ == 0) put(&w, "\nParameters\n----------\n");
            put_parameter(&w, n, some, r, k, method);
        }
    if (parameters == 0 && (factory || out)) put(&w, "\nParameters\n----------\n");
    static const struct {
        const char *name, *type;
    } added[] = { { "out", "Tensor, optional" },
                  { "layout", "layout, optional" },
                  { "device", "device or str, optional" },
                  { "pin_memory", "bool, default False" },
                  { "requires_grad", "bool, default False" } };
    for (size_t k = out ? 0 : 1; k < (factory ? 5 : 1); k++) {
        put(&w, "%s : %s\n", added[k].name, added[k].type);
        put_text(&w, op, added[k].name);
    }
    put_returns(&w, n, some, inplace);
    put(&w, "\nSee Also\n--------\ntorch.%s%s : same behaviour.\n",
        method ? "Tensor." : op->flags & PC_FUNCTION ? "" : op->flags & PC_NN ? "nn.functional." : "Tensor.", name);
    put_notes(&w, op, inplace);
    char *text = PyMem_Malloc(w.at + 1);
    if (text != NULL) memcpy(text, w.text, w.at + 1);
    return text;
}
