/* status.h -- how C code reports failure: a code returned, a message kept per thread, one exit per function. */
#ifndef PC_STATUS_H
#define PC_STATUS_H

typedef enum pc_status {
    PC_OK = 0,
    PC_ENOMEM,     /* MemoryError */
    PC_ESHAPE,     /* RuntimeError: torch raises it for shapes, dtypes and graphs */
    PC_EVALUE,     /* ValueError */
    PC_EINDEX,     /* IndexError */
    PC_ETYPE,      /* TypeError */
    PC_EIO,        /* OSError; the message holds the path and strerror's text */
    PC_EFORMAT,    /* RuntimeError: a file that is not what it says */
    PC_ENOTIMPL,   /* NotImplementedError */
    PC_EINTERRUPT, /* Ctrl-C: a Python exception is already set */
    PC_EPYTHON     /* a callback raised: a Python exception is already set */
} pc_status;

/* Record a message for this thread and return code. */
pc_status pc_fail(pc_status code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The last message recorded by this thread. */
const char *pc_last_error(void);

/* Tell the user of something suspicious that is no error: goes to the embedder's handler, without one nowhere.
   PC_EPYTHON: the handler has made an error of it. */
pc_status pc_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The handler is called by computing threads; nonzero means that the warning has become an error. */
void pc_set_warning_handler(int (*handler)(const char *message));

/* Both jump to the function's single `done:` label; the function declares `pc_status status = PC_OK;`. */
#define PC_TRY(expr)                                                                               \
    do {                                                                                           \
        status = (expr);                                                                           \
        if (status != PC_OK) goto done;                                                            \
    } while (0)
#define PC_CHECK(cond, code, ...)                                                                  \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            status = pc_fail((code), __VA_ARGS__);                                                 \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

#endif
