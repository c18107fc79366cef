/* parallel.c -- the thread pool. One job at a time; whoever finds the pool busy works alone.

   A job's chunks are cut into one share a thread, neighbours together. A thread takes from its own share first, then
   from the others': memory that it has just read ahead is its own, and what it wrote in one job it finds in its cache
   in the next. A share is handed out through `ticket`: the job's generation in the high bits, the number of chunks left
   in the low ones. Taking a chunk is one compare-and-swap of the whole word, so a worker that wakes late can take
   nothing from a job that has ended. Waiting spins for some microseconds, then sleeps in a futex, on both ends: a pure
   spin would stall for a scheduler's slice whenever a core is contended. */
#include "parallel.h"
#include <ctype.h>
#include <errno.h>
#include <immintrin.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 256
#define LEFT_BITS 40
#define LEFT_MASK (((uint64_t)1 << LEFT_BITS) - 1)
#define SPIN 3000 /* pauses: some 40 us, the gap between two operators of a training step */
#define POLL_NS 10000000

typedef struct share {
    _Alignas(64) _Atomic uint64_t ticket; /* a cache line of its own */
} share;

static struct {
    share share[MAX_THREADS];
    _Atomic int64_t shares;
    _Atomic(pc_range_fn) fn;
    _Atomic(void *) ctx;
    _Atomic int64_t n, grain, chunks;
    _Atomic uint32_t done;      /* chunks finished: a futex word */
    _Atomic bool joining;       /* the caller sleeps on done */
    _Atomic bool cancelled;
    _Atomic uint32_t signal;    /* bumped for each job: the workers' futex word */
    _Atomic int sleepers;
    _Atomic int threads;        /* 0: not decided yet */
    int workers;                /* started; under busy */
    uint64_t generation;        /* of the job; under busy */
    pthread_mutex_t busy;
    pthread_mutex_t failure_lock;
    pc_status failure;
    char message[1024];
} pool = { .busy = PTHREAD_MUTEX_INITIALIZER, .failure_lock = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local bool inside, is_worker;
static _Thread_local int64_t last_poll;
static _Thread_local int poll_holds;
static int (*_Atomic interrupt_check)(void);

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}
static void futex_wake(_Atomic uint32_t *word, int n)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

/* ---- interruption ------------------------------------------------------------------------------- */

void pc_set_interrupt_check(int (*check)(void))
{
    atomic_store(&interrupt_check, check);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool pc_poll_due(void)
{
    if (inside && atomic_load_explicit(&pool.cancelled, memory_order_relaxed)) return true;
    if (atomic_load_explicit(&interrupt_check, memory_order_relaxed) == NULL || is_worker || poll_holds > 0)
        return false;
    return now() - last_poll >= POLL_NS;
}

pc_status pc_poll(void)
{
    if (!pc_poll_due()) return PC_OK;
    if (inside && atomic_load_explicit(&pool.cancelled, memory_order_relaxed))
        return PC_EINTERRUPT; /* a later failure */
    int (*check)(void) = atomic_load_explicit(&interrupt_check, memory_order_relaxed);
    last_poll = now();
    return check != NULL && check() ? PC_EINTERRUPT : PC_OK;
}

void pc_poll_hold(void) { poll_holds++; }
void pc_poll_resume(void) { poll_holds--; }

/* ---- size --------------------------------------------------------------------------------------- */

static int cgroup_cpus(void)
{
    int cpus = INT_MAX;
    long long quota, period;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (f != NULL) {
        if (fscanf(f, "%lld %lld", &quota, &period) == 2 && period > 0) cpus = (int)((quota + period - 1) / period);
        fclose(f);
    }
    return cpus > 0 ? cpus : 1;
}

int pc_num_threads(void)
{
    int n = atomic_load_explicit(&pool.threads, memory_order_relaxed);
    if (n > 0) return n;
    const char *text = getenv("PYCNN_NUM_THREADS");
    if (text == NULL) text = getenv("OMP_NUM_THREADS");
    n = text != NULL ? atoi(text) : 0;
    if (n <= 0) {
        cpu_set_t set;
        n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
        int quota = cgroup_cpus();
        if (quota < n) n = quota;
    }
    if (n > MAX_THREADS) n = MAX_THREADS;
    atomic_store(&pool.threads, n);
    return n;
}

pc_status pc_set_num_threads(int n)
{
    if (n <= 0) return pc_fail(PC_ESHAPE, "set_num_threads expects a positive integer, got %d", n);
    atomic_store(&pool.threads, n > MAX_THREADS ? MAX_THREADS : n);
    return PC_OK;
}

/* ---- work --------------------------------------------------------------------------------------- */

static void fail(pc_status status)
{
    pthread_mutex_lock(&pool.failure_lock);
    if (pool.failure == PC_OK) {
        pool.failure = status;
        snprintf(pool.message, sizeof pool.message, "%s", pc_last_error());
    }
    pthread_mutex_unlock(&pool.failure_lock);
    atomic_store(&pool.cancelled, true);
}

/* Take a chunk of a share: how many were left, this one included; 0: none. */
static int64_t take(share *s)
{
    uint64_t ticket = atomic_load_explicit(&s->ticket, memory_order_acquire);
    do {
        if ((ticket & LEFT_MASK) == 0) return 0;
    } while (!atomic_compare_exchange_weak_explicit(&s->ticket, &ticket, ticket - 1, memory_order_acq_rel,
                                                    memory_order_acquire));
    return (int64_t)(ticket & LEFT_MASK);
}

/* Take and run one chunk of the present job, of share `own` if it has one; false when there is none. */
static bool run_one(int64_t own)
{
    int64_t shares = atomic_load_explicit(&pool.shares, memory_order_relaxed), from = own, left = 0;
    for (int64_t k = 0; k < shares && left == 0; k++) {
        from = (own + k) % shares;
        left = take(&pool.share[from]);
    }
    if (left == 0) return false;
    shares = atomic_load_explicit(&pool.shares, memory_order_relaxed); /* the job may have come since */
    int64_t chunks = atomic_load_explicit(&pool.chunks, memory_order_relaxed);
    int64_t grain = atomic_load_explicit(&pool.grain, memory_order_relaxed);
    int64_t n = atomic_load_explicit(&pool.n, memory_order_relaxed);
    int64_t begin = ((from + 1) * chunks / shares - left) * grain;
    int64_t end = n - begin < grain ? n : begin + grain;
    if (!atomic_load_explicit(&pool.cancelled, memory_order_relaxed)) {
        pc_range_fn fn = atomic_load_explicit(&pool.fn, memory_order_relaxed);
        inside = true;
        pc_status status = fn(atomic_load_explicit(&pool.ctx, memory_order_relaxed), begin, end);
        inside = false;
        if (status != PC_OK) fail(status);
    }
    if (atomic_fetch_add(&pool.done, 1) + 1 == (uint32_t)chunks && atomic_load(&pool.joining))
        futex_wake(&pool.done, 1);
    return true;
}

static void *worker(void *arg)
{
    int id = (int)(intptr_t)arg; /* the caller is thread 0 */
    is_worker = true;
    for (;;) {
        uint32_t seen = atomic_load_explicit(&pool.signal, memory_order_acquire);
        if (id < atomic_load_explicit(&pool.threads, memory_order_relaxed))
            while (run_one(id)) continue;
        int spin = 0;
        while (spin < SPIN && atomic_load_explicit(&pool.signal, memory_order_acquire) == seen) {
            _mm_pause();
            spin++;
        }
        if (spin < SPIN) continue;
        atomic_fetch_add(&pool.sleepers, 1);
        futex_wait(&pool.signal, seen);
        atomic_fetch_sub(&pool.sleepers, 1);
    }
    return NULL;
}

/* In a child: the workers are gone, and whoever held a lock is too. */
static void after_fork(void)
{
    pthread_mutex_init(&pool.busy, NULL);
    pthread_mutex_init(&pool.failure_lock, NULL);
    pool.workers = 0;
    for (int k = 0; k < MAX_THREADS; k++) atomic_store(&pool.share[k].ticket, 0);
    atomic_store(&pool.sleepers, 0);
    atomic_store(&pool.joining, false);
}
static void register_fork_handler(void)
{
    pthread_atfork(NULL, NULL, after_fork);
}

/* Under pool.busy. Fewer than asked for is no error: the caller does the work that is left. */
static void start_workers(int threads)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_fork_handler);
    if (pool.workers >= threads - 1) return;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the program's own threads' business */
    while (pool.workers < threads - 1) {
        pthread_t id;
        pthread_attr_t attr;
        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        int rc = pthread_create(&id, &attr, worker, (void *)(intptr_t)(pool.workers + 1));
        pthread_attr_destroy(&attr);
        if (rc != 0) break;
        pool.workers++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static pc_status run_alone(int64_t n, int64_t grain, pc_range_fn fn, void *ctx)
{
    for (int64_t begin = 0; begin < n; begin += grain) {
        pc_status status = fn(ctx, begin, n - begin < grain ? n : begin + grain);
        if (status == PC_OK) status = pc_poll();
        if (status != PC_OK) return status;
    }
    return PC_OK;
}

pc_status pc_parallel_for(int64_t n, int64_t grain, pc_range_fn fn, void *ctx)
{
    if (n <= 0) return PC_OK;
    if (grain < 1) grain = 1;
    int64_t chunks = (n - 1) / grain + 1;
    int threads = pc_num_threads();
    if (chunks == 1 || threads == 1 || inside || chunks > UINT32_MAX || pthread_mutex_trylock(&pool.busy) != 0)
        return run_alone(n, grain, fn, ctx);
    start_workers(threads);
    atomic_store_explicit(&pool.fn, fn, memory_order_relaxed);
    atomic_store_explicit(&pool.ctx, ctx, memory_order_relaxed);
    atomic_store_explicit(&pool.n, n, memory_order_relaxed);
    atomic_store_explicit(&pool.grain, grain, memory_order_relaxed);
    atomic_store_explicit(&pool.chunks, chunks, memory_order_relaxed);
    atomic_store_explicit(&pool.done, 0, memory_order_relaxed);
    atomic_store_explicit(&pool.cancelled, false, memory_order_relaxed);
    pool.failure = PC_OK;
    const int64_t shares = chunks < threads ? chunks : threads;
    atomic_store_explicit(&pool.shares, shares, memory_order_relaxed);
    pool.generation++;
    for (int64_t k = 0; k < shares; k++) {
        uint64_t left = (uint64_t)((k + 1) * chunks / shares - k * chunks / shares);
        atomic_store_explicit(&pool.share[k].ticket, pool.generation << LEFT_BITS | left, memory_order_release);
    }
    atomic_fetch_add(&pool.signal, 1);
    if (atomic_load(&pool.sleepers) > 0) futex_wake(&pool.signal, chunks < threads ? (int)chunks - 1 : threads - 1);

    while (run_one(0)) {
        pc_status status = pc_poll();
        if (status != PC_OK) fail(status);
    }
    for (int spin = 0; atomic_load_explicit(&pool.done, memory_order_acquire) != (uint32_t)chunks; spin++) {
        if (spin < SPIN) {
            _mm_pause();
            continue;
        }
        atomic_store(&pool.joining, true);
        uint32_t done = atomic_load(&pool.done);
        if (done != (uint32_t)chunks) futex_wait(&pool.done, done);
        atomic_store(&pool.joining, false);
    }
    pc_status status = pool.failure;
    if (status != PC_OK) pc_fail(status, "%s", pool.message);
    pthread_mutex_unlock(&pool.busy);
    return status;
}

/* ---- memory ------------------------------------------------------------------------------------- */

#define BYTES (1 << 18) /* of a chunk: some 30 us */

typedef struct move {
    char *dst;
    const char *src; /* NULL: zeros */
} move;

static pc_status move_range(void *ctx, int64_t begin, int64_t end)
{
    const move *m = ctx;
    if (m->src != NULL) memcpy(m->dst + begin, m->src + begin, (size_t)(end - begin));
    else memset(m->dst + begin, 0, (size_t)(end - begin));
    return PC_OK;
}

pc_status pc_copy_bytes(void *dst, const void *src, int64_t bytes)
{
    return pc_parallel_for(bytes, BYTES, move_range, &(move){ dst, src });
}
pc_status pc_zero_bytes(void *dst, int64_t bytes)
{
    return pc_parallel_for(bytes, BYTES, move_range, &(move){ dst, NULL });
}
