/* pickle.h -- Python's pickles without Python: values read through an allow-list, and events that write one.

   Nothing that a pickle names is ever looked up or called: the names on the list stand for constructors written here.
 */
#ifndef PC_PICKLE_H
#define PC_PICKLE_H
#include "../core/status.h"
#include <stdbool.h>
#include <stdint.h>

/* ---- values -------------------------------------------------------------------------------------- */

typedef enum pc_item_kind {
    PC_ITEM_NONE, PC_ITEM_BOOL, PC_ITEM_INT,
    PC_ITEM_LONG,     /* an integer beyond 64 bits: n bytes of text, two's complement, little endian */
    PC_ITEM_FLOAT, PC_ITEM_COMPLEX,
    PC_ITEM_STR,      /* n bytes of UTF-8, not yet checked */
    PC_ITEM_STR8,     /* Python 2's str: bytes or text, the reader must know */
    PC_ITEM_BYTES,
    PC_ITEM_TUPLE, PC_ITEM_LIST,
    PC_ITEM_SET,      /* tag 1: frozenset */
    PC_ITEM_DICT,     /* n items: key, value, key, ... ; a later key wins. tag: pc_dict_kind */
    PC_ITEM_NAME,     /* a module's member that the pickle mentions: i is its number */
    PC_ITEM_OBJECT    /* the rules' own: tag says what, object points to it */
} pc_item_kind;

typedef enum pc_dict_kind { PC_DICT_PLAIN, PC_DICT_ORDERED, PC_DICT_COUNTER } pc_dict_kind;

/* Strings are not terminated and borrow the pickle's bytes. */
typedef struct pc_item {
    uint8_t kind, tag;
    bool reached;            /* for the embedder's walk */
    int64_t n, room;
    union {
        int64_t i;
        double d[2];
        const char *text;
        struct pc_item **items;
        void *object;
    };
    struct pc_item *extra;   /* of an ordered dict: its _metadata; of objects: what the rules say */
    struct pc_item *next;    /* in the order of making: what an immutable item holds was made before it */
    struct pc_item *pending; /* for the embedder's walk */
    void *value;             /* the embedder's */
} pc_item;

/* Owns items and whatever else a reading needs; freed at once. */
typedef struct pc_arena {
    struct pc_chunk *chunks;
    int64_t used;
    pc_item *first, *last;
} pc_arena;

void *pc_arena_alloc(pc_arena *a,
                     int64_t bytes); /* 16-byte aligned; NULL when memory is short or a pickle asks for a lot */
pc_status pc_arena_item(pc_arena *a, pc_item_kind kind, pc_item **out);
void pc_arena_free(pc_arena *a);

bool pc_item_is(const pc_item *o, const char *text);           /* a string of any kind, or bytes, that equal text */
const pc_item *pc_item_get(const pc_item *dict, const char *key); /* NULL: not there, or no dict */
const char *pc_item_kind_name(const pc_item *o);

/* ---- reading ------------------------------------------------------------------------------------- */

/* What a kind of file may name. Each may be NULL. Items go to the arena. */
typedef struct pc_pickle_rules {
    /* A name that is not common to all: *out stays NULL to refuse it. */
    pc_status (*name)(void *ctx, pc_arena *a, const char *module, const char *name, pc_item **out);
    /* callee(*args) for a name or object of the rules' own. */
    pc_status (*call)(void *ctx, pc_arena *a, const pc_item *callee, const pc_item *args, pc_item **out);
    /* State of an object of the rules' own. */
    pc_status (*build)(void *ctx, pc_arena *a, pc_item *object, const pc_item *state);
    pc_status (*persistent)(void *ctx, pc_arena *a, const pc_item *id, pc_item **out);
} pc_pickle_rules;

/* Numbers of the names that pickle.c knows are below this; those of rules begin here. */
#define PC_NAME_RULES 64

/* Run the pickle at p (protocols 2 to 5). *used: its length. *truncated (may be NULL): it failed because it ended
 * early. */
pc_status pc_unpickle(const uint8_t *p, int64_t n, const pc_pickle_rules *rules, void *ctx, pc_arena *a, pc_item **root,
                      int64_t *used, bool *truncated);

/* ---- NumPy's arrays, for rules that allow them ----------------------------------------------------- */

typedef struct pc_pickled_array {
    char kind;               /* as NumPy's: b i u f c */
    bool swapped;            /* big endian */
    bool fortran, scalar;
    int size, ndim;          /* bytes of an element; dimensions */
    int64_t shape[32];
    int64_t count;           /* elements */
    const uint8_t *data;     /* count * size bytes; NULL until the state has come */
} pc_pickled_array;

/* Tags of their objects; rules use lower ones. */
enum { PC_OBJECT_DTYPE = 200, PC_OBJECT_ARRAY = 201 };

/* As the functions of the rules; *out stays NULL, or *known false, for what is not NumPy's. */
pc_status pc_numpy_name(pc_arena *a, const char *module, const char *name, pc_item **out);
pc_status pc_numpy_call(pc_arena *a, const pc_item *callee, const pc_item *args, pc_item **out);
pc_status pc_numpy_build(pc_item *object, const pc_item *state, bool *known);

/* ---- writing ------------------------------------------------------------------------------------- */

/* Protocol 2 as CPython's pickler writes it. A failure sticks: check status once at the end. */
typedef struct pc_pickler {
    uint8_t *p;
    int64_t n, room;
    uint32_t memo;           /* the next number */
    pc_status status;
    int names;               /* written so far, with their memo numbers */
    struct { const char *module, *name; uint32_t memo; } name[64];
} pc_pickler;

void pc_pickle_start(pc_pickler *k);
void pc_pickle_free(pc_pickler *k);
void pc_pickle_op(pc_pickler *k, char op);
void pc_pickle_int(pc_pickler *k, int64_t v);
void pc_pickle_long(pc_pickler *k, const uint8_t *bytes, int64_t n); /* two's complement, little endian, shortest */
void pc_pickle_float(pc_pickler *k, double v);
void pc_pickle_str(pc_pickler *k, const char *utf8, int64_t n);
/* module and name must outlive k: literals. */
void pc_pickle_name(pc_pickler *k, const char *module, const char *name);
uint32_t pc_pickle_put(pc_pickler *k);
void pc_pickle_get(pc_pickler *k, uint32_t memo);

#endif
