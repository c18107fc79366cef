/* file.c -- sources, sinks and replaced files over plain descriptors. */
#include "file.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One system call moves at most this much, so that Ctrl-C is noticed in between. */
#define PIECE ((int64_t)8 << 20)

static _Thread_local int last_errno;

int pc_io_errno(void)
{
    return last_errno;
}

/* PC_EIO with "what: strerror(err)". */
static pc_status io_fail(int err, const char *what)
{
    char text[128];
    last_errno = err;
    return pc_fail(PC_EIO, "%s: %s", what, strerror_r(err, text, sizeof text));
}

/* ---- reading ------------------------------------------------------------------------------------- */

static pc_status source_measure(pc_source *s)
{
    struct stat st;
    if (fstat(s->fd, &st) != 0) return io_fail(errno, s->name);
    if (S_ISDIR(st.st_mode)) return io_fail(EISDIR, s->name);
    if (!S_ISREG(st.st_mode)) return io_fail(ESPIPE, s->name);
    s->size = st.st_size > s->base ? st.st_size - s->base : 0;
    return PC_OK;
}

pc_status pc_source_open(const char *path, pc_source *out)
{
    pc_source s = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), .owns_fd = true, .name = path };
    if (s.fd < 0) return io_fail(errno, path);
    pc_status status = source_measure(&s);
    if (status == PC_OK) *out = s;
    else close(s.fd);
    return status;
}

pc_status pc_source_from_fd(int fd, int64_t base, const char *name, pc_source *out)
{
    pc_source s = { .fd = fd, .base = base, .name = name };
    pc_status status = source_measure(&s);
    if (status == PC_OK) *out = s;
    return status;
}

void pc_source_from_memory(const void *p, int64_t n, const char *name, pc_source *out)
{
    *out = (pc_source){ .memory = p != NULL ? p : (const uint8_t *)"", .fd = -1, .size = n, .name = name };
}

pc_status pc_source_read(const pc_source *s, int64_t offset, void *dst, int64_t n)
{
    pc_status status = PC_OK;
    PC_CHECK(offset >= 0 && n >= 0 && offset <= s->size && n <= s->size - offset, PC_EFORMAT,
             "truncated: %lld bytes are needed at offset %lld, the file has %lld", (long long)n, (long long)offset,
             (long long)s->size);
    if (s->memory != NULL) {
        memcpy(dst, s->memory + offset, (size_t)n);
        goto done;
    }
    while (n > 0) {
        ssize_t got = pread(s->fd, dst, (size_t)(n < PIECE ? n : PIECE), s->base + offset);
        if (got < 0 && errno != EINTR) {
            status = io_fail(errno, s->name);
            goto done;
        }
        PC_TRY(pc_poll());
        if (got < 0) continue;
        PC_CHECK(got > 0, PC_EFORMAT, "truncated: the file became shorter while it was read");
        dst = (char *)dst + got;
        offset += got;
        n -= got;
    }
done:
    return status;
}

void pc_source_close(pc_source *s)
{
    if (s->owns_fd) close(s->fd);
    s->owns_fd = false;
}

/* ---- writing ------------------------------------------------------------------------------------- */

/* The disk works while the next piece is being made: less is left for the final sync to wait for. Merely a hint. */
static void start_flush(pc_replacement *r)
{
#ifdef SYNC_FILE_RANGE_WRITE
    (void)sync_file_range(r->fd, r->flushed, r->written - r->flushed, SYNC_FILE_RANGE_WRITE);
#endif
    r->flushed = r->written;
}

static pc_status fd_write(pc_sink *sink, const void *p, int64_t n)
{
    pc_replacement *r = (pc_replacement *)sink;
    pc_status status = PC_OK;
    while (n > 0) {
        ssize_t put = write(r->fd, p, (size_t)(n < PIECE ? n : PIECE));
        if (put < 0 && errno != EINTR) return io_fail(errno, r->path);
        if ((status = pc_poll()) != PC_OK) return status;
        if (put < 0) continue;
        p = (const char *)p + put;
        n -= put;
        r->written += put;
        if (r->temporary != NULL && r->written - r->flushed >= PIECE) start_flush(r);
    }
    return PC_OK;
}

/* Blocks that are found all at once cost a third less than those that each write asks for. Merely a hint: the size
   stays what has been written, and a disk that is full says so to write. */
static void fd_expect(pc_sink *sink, int64_t n)
{
#ifdef FALLOC_FL_KEEP_SIZE
    pc_replacement *r = (pc_replacement *)sink;
    if (r->temporary != NULL && n >= PIECE) (void)fallocate(r->fd, FALLOC_FL_KEEP_SIZE, 0, n);
#endif
}

static char *copy_text(const char *text)
{
    size_t n = strlen(text) + 1;
    char *p = pc_alloc(n);
    return p != NULL ? memcpy(p, text, n) : NULL;
}

/* Open PATH.<pid>.tmp for writing; a name in use (another thread's, or left by a killed process) is passed over. */
static pc_status open_temporary(pc_replacement *r, mode_t mode)
{
    const char *slash = strrchr(r->path, '/');
    size_t folder = slash != NULL ? (size_t)(slash - r->path) + 1 : 0, base = strlen(r->path + folder);
    size_t room = folder + base + 64;
    if (base > NAME_MAX - 32) base = NAME_MAX - 32;
    r->temporary = pc_alloc(room);
    if (r->temporary == NULL) return pc_fail(PC_ENOMEM, "out of memory for a file name");
    for (int k = 0; k < 1000; k++) {
        int n = snprintf(r->temporary, room, "%.*s.%ld", (int)(folder + base), r->path, (long)getpid());
        if (k > 0) n += snprintf(r->temporary + n, room - (size_t)n, ".%d", k);
        snprintf(r->temporary + n, room - (size_t)n, ".tmp");
        r->fd = open(r->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (r->fd >= 0 || errno != EEXIST) break;
    }
    if (r->fd >= 0) return PC_OK;
    int err = errno;
    pc_free(r->temporary);
    r->temporary = NULL;
    return io_fail(err, r->path);
}

pc_status pc_replace_begin(const char *path, pc_replacement *r)
{
    struct stat st;
    pc_status status = PC_OK;
    char *resolved = lstat(path, &st) == 0 && S_ISLNK(st.st_mode) ? realpath(path, NULL) : NULL;
    *r = (pc_replacement){ .sink = { fd_write, fd_expect }, .fd = -1 };
    r->path = copy_text(resolved != NULL ? resolved : path);
    free(resolved);
    PC_CHECK(r->path != NULL, PC_ENOMEM, "out of memory for a file name");
    bool exists = stat(r->path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) {
        status = io_fail(EISDIR, r->path);
        goto done;
    }
    if (exists && !S_ISREG(st.st_mode)) {
        r->fd = open(r->path, O_WRONLY | O_CLOEXEC);
        if (r->fd < 0) status = io_fail(errno, r->path);
        goto done;
    }
    PC_TRY(open_temporary(r, exists ? 0600 : 0666));
    if (exists && fchmod(r->fd, st.st_mode & 07777) != 0) status = io_fail(errno, r->path);
done:
    if (status != PC_OK) pc_replace_abandon(r);
    return status;
}

/* A rename survives a power cut only once its directory is on the disk; file systems that cannot do that say so in
   vain. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = copy_text(slash != NULL ? path : ".");
    if (folder == NULL) return;
    if (slash != NULL) folder[slash > path ? slash - path : 1] = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!fsync(fd);
        close(fd);
    }
    pc_free(folder);
}

pc_status pc_replace_commit(pc_replacement *r)
{
    int fd = r->fd;
    if (r->temporary != NULL && fsync(fd) != 0) return io_fail(errno, r->path);
    r->fd = -1;
    if (close(fd) != 0) return io_fail(errno, r->path);
    if (r->temporary != NULL) {
        if (rename(r->temporary, r->path) != 0) return io_fail(errno, r->path);
        pc_free(r->temporary);
        r->temporary = NULL;
        sync_folder(r->path);
    }
    pc_replace_abandon(r);
    return PC_OK;
}

void pc_replace_abandon(pc_replacement *r)
{
    if (r->fd >= 0) close(r->fd);
    if (r->temporary != NULL) unlink(r->temporary);
    pc_free(r->temporary);
    pc_free(r->path);
    *r = (pc_replacement){ .fd = -1 };
}
