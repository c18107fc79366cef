/* loader.c -- threads that make batches. One lock guards the list of tasks, oldest first. */
#include "loader.h"
#include "../core/alloc.h"
#include "../core/parallel.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NS 10000000 /* between two looks at Ctrl-C */

typedef struct task {
    struct task *next;
    int worker;
    enum { WAITING, RUNNING, DONE } state;
    pc_status status;
    char message[256];
    pc_tensor **out;
    int64_t count;
    int64_t *indices;
} task;

typedef struct worker {
    pc_loader *loader;
    int id;
    bool running;
    pthread_t thread;
    pc_generator generator;
} worker;

struct pc_loader {
    pc_source source;
    pid_t pid;
    int nworkers;
    worker *workers;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    task *oldest, *newest;
    int64_t pending, submitted;
    _Atomic bool stop;
};

static void task_free(task *t, int outputs)
{
    for (int i = 0; i < outputs; i++) pc_release(t->out[i]);
    pc_free(t);
}

static task *find(pc_loader *l, int id)
{
    task *t = l->oldest;
    while (t != NULL && (t->state != WAITING || t->worker != id)) t = t->next;
    return t;
}

static void *work(void *arg)
{
    worker *w = arg;
    pc_loader *l = w->loader;
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        task *t = find(l, w->id);
        if (t == NULL) {
            pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        t->state = RUNNING;
        pthread_mutex_unlock(&l->lock);
        t->status = pc_batch_load(&l->source, &w->generator, t->indices, t->count, false, &l->stop, t->out);
        if (t->status != PC_OK) snprintf(t->message, sizeof t->message, "%s", pc_last_error());
        pthread_mutex_lock(&l->lock);
        t->state = DONE;
        pthread_cond_broadcast(&l->done);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

pc_status pc_loader_new(const pc_source *source, int workers, uint64_t base_seed, pc_loader **out)
{
    pc_status status = PC_OK;
    pc_loader *l = pc_calloc(1, sizeof *l);
    sigset_t all, old;
    pthread_condattr_t attr;
    PC_CHECK(l != NULL, PC_ENOMEM, "out of memory for a loader");
    l->source = *source;
    l->pid = getpid();
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->done, &attr);
    pthread_condattr_destroy(&attr);
    l->workers = pc_calloc((size_t)workers, sizeof *l->workers);
    PC_CHECK(l->workers != NULL, PC_ENOMEM, "out of memory for the threads of a loader");
    l->nworkers = workers;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the program's own threads' business */
    int rc = 0;
    for (int k = 0; k < workers && rc == 0; k++) {
        worker *w = &l->workers[k];
        w->loader = l;
        w->id = k;
        pc_generator_init(&w->generator, base_seed + (uint64_t)k);
        rc = pthread_create(&w->thread, NULL, work, w);
        w->running = rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    PC_CHECK(rc == 0, PC_ESHAPE, "cannot start %d loader threads: %s", workers, strerror(rc));
    *out = l;
    l = NULL;
done:
    pc_loader_free(l);
    return status;
}

static pc_status check_process(const pc_loader *l)
{
    if (getpid() == l->pid) return PC_OK;
    return pc_fail(PC_ESHAPE,
                   "this loader's threads belong to process %ld: iterate over the DataLoader anew after fork",
                   (long)l->pid);
}

pc_status pc_loader_submit(pc_loader *l, const int64_t *indices, int64_t count)
{
    pc_status status = PC_OK;
    int outputs = pc_source_outputs(&l->source);
    task *t = NULL;
    PC_TRY(check_process(l));
    t = pc_calloc(1, sizeof *t + (size_t)outputs * sizeof(pc_tensor *) + (size_t)count * sizeof(int64_t));
    PC_CHECK(t != NULL, PC_ENOMEM, "out of memory for the indices of a batch");
    t->out = (pc_tensor **)(t + 1);
    t->indices = (int64_t *)(t->out + outputs);
    t->count = count;
    memcpy(t->indices, indices, (size_t)count * sizeof *indices);
    pthread_mutex_lock(&l->lock);
    t->worker = (int)(l->submitted++ % l->nworkers);
    if (l->newest != NULL) l->newest->next = t;
    else l->oldest = t;
    l->newest = t;
    l->pending++;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
done:
    return status;
}

int64_t pc_loader_pending(const pc_loader *l)
{
    return l->pending; /* changed by the caller's own calls alone */
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Wait for the oldest task and take it out of the list. */
static pc_status take(pc_loader *l, int64_t timeout_ns, task **out)
{
    pc_status status = PC_OK;
    int64_t begin = now_ns();
    task *t = NULL;
    PC_TRY(check_process(l));
    pthread_mutex_lock(&l->lock);
    for (;;) {
        t = l->oldest;
        if (t == NULL) status = pc_fail(PC_ESHAPE, "the loader has no batch to wait for");
        if (status != PC_OK || t->state == DONE) break;
        int64_t until = now_ns() + WAIT_NS;
        pthread_cond_timedwait(&l->done, &l->lock, &(struct timespec){ until / 1000000000, until % 1000000000 });
        pthread_mutex_unlock(&l->lock); /* the check for Ctrl-C may run Python code */
        status = pc_poll();
        if (status == PC_OK && timeout_ns > 0 && now_ns() - begin >= timeout_ns)
            status = pc_fail(PC_ESHAPE, "DataLoader timed out after %g seconds", (double)timeout_ns * 1e-9);
        pthread_mutex_lock(&l->lock);
    }
    if (status == PC_OK) {
        l->oldest = t->next;
        if (l->oldest == NULL) l->newest = NULL;
        l->pending--;
        *out = t;
    }
    pthread_mutex_unlock(&l->lock);
done:
    return status;
}

pc_status pc_loader_next(pc_loader *l, int64_t timeout_ns, pc_tensor **out)
{
    pc_status status = PC_OK;
    int outputs = pc_source_outputs(&l->source);
    task *t = NULL;
    PC_TRY(take(l, timeout_ns, &t));
    PC_CHECK(t->status == PC_OK, t->status, "%s", t->message);
    for (int i = 0; i < outputs; i++) {
        out[i] = t->out[i];
        t->out[i] = NULL;
    }
done:
    if (t != NULL) task_free(t, outputs);
    return status;
}

pc_status pc_loader_reset(pc_loader *l)
{
    pc_status status = PC_OK;
    task *t;
    while (l->pending > 0) {
        PC_TRY(take(l, 0, &t));
        task_free(t, pc_source_outputs(&l->source));
    }
    l->submitted = 0;
done:
    return status;
}

void pc_loader_free(pc_loader *l)
{
    if (l == NULL) return;
    if (getpid() != l->pid) return; /* its threads are not here, and its lock may be held for ever */
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int k = 0; k < l->nworkers; k++)
        if (l->workers[k].running) pthread_join(l->workers[k].thread, NULL);
    for (task *t = l->oldest, *next; t != NULL; t = next) {
        next = t->next;
        task_free(t, pc_source_outputs(&l->source));
    }
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->done);
    pthread_mutex_destroy(&l->lock);
    pc_free(l->workers);
    pc_free(l);
}
