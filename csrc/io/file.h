/* file.h -- bytes in and out: sources read at offsets, sinks written in order, files replaced as a whole. */
#ifndef PC_FILE_H
#define PC_FILE_H
#include "../core/status.h"
#include <stdbool.h>
#include <stdint.h>

/* The errno of this thread's last PC_EIO. */
int pc_io_errno(void);

/* ---- reading ------------------------------------------------------------------------------------- */

/* Never mapped: a file that somebody cuts short while it is read gives an error, not a SIGBUS. */
typedef struct pc_source {
    const uint8_t *memory; /* NULL: fd */
    int fd;
    bool owns_fd;
    int64_t base, size;    /* of fd: where the bytes begin, and how many there are */
    const char *name;      /* borrowed, for messages */
} pc_source;

/* path must outlive the source. */
pc_status pc_source_open(const char *path, pc_source *out);
/* From offset base of an open file to its end; the caller keeps the descriptor. */
pc_status pc_source_from_fd(int fd, int64_t base, const char *name, pc_source *out);
void pc_source_from_memory(const void *p, int64_t n, const char *name, pc_source *out);
/* Exactly n bytes; PC_EFORMAT if they are not all inside. */
pc_status pc_source_read(const pc_source *s, int64_t offset, void *dst, int64_t n);
void pc_source_close(pc_source *s);

/* ---- writing ------------------------------------------------------------------------------------- */

typedef struct pc_sink {
    pc_status (*write)(struct pc_sink *s, const void *p, int64_t n);
    /* n bytes at least are going to be written. NULL: it makes no difference. */
    void (*expect)(struct pc_sink *s, int64_t n);
} pc_sink;

/* A file that takes its final name only once all of it is on the disk: whoever looks, also after a crash, finds the
   old file or the new one. A device or a pipe is written to directly. */
typedef struct pc_replacement {
    pc_sink sink;
    int fd;
    char *path;      /* what is replaced: symbolic links are followed */
    char *temporary; /* NULL: path itself is being written */
    int64_t written, flushed; /* bytes; of them, those that are on their way to the disk */
} pc_replacement;

pc_status pc_replace_begin(const char *path, pc_replacement *r);
pc_status pc_replace_commit(pc_replacement *r);
/* After a failure, also of commit: the old file stays, nothing else does. Harmless after a commit that succeeded. */
void pc_replace_abandon(pc_replacement *r);

#endif
