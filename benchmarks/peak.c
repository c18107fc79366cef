/* peak.c -- what this machine can do at most on N threads: float32 multiply-adds and memory bandwidth (triad).

       gcc -O2 -march=native -pthread peak.c -o peak && ./peak 2 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif
#define CHAINS 12 /* independent multiply-adds: enough to hide their latency */
#define TURNS 20000000
#define ELEMENTS 16000000

typedef float vec __attribute__((vector_size(LANES * 4)));

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *multiply_add(void *sink)
{
    vec acc[CHAINS], x = { 0 }, y = { 0 };
    for (int k = 0; k < CHAINS; k++) acc[k] = x + (float)k;
    x += 1e-9f;
    y += 0.999f;
    for (long i = 0; i < TURNS; i++)
#pragma GCC unroll 12
        for (int k = 0; k < CHAINS; k++) acc[k] = acc[k] * y + x;
    for (int k = 1; k < CHAINS; k++) acc[0] += acc[k];
    *(float *)sink = acc[0][0];
    return NULL;
}

static float *arrays[3];
static int threads;
static void *triad(void *part)
{
    long begin = (long)((size_t)part * (ELEMENTS / (size_t)threads)), end = begin + ELEMENTS / threads;
    for (long i = begin; i < end; i++) arrays[0][i] = arrays[1][i] + 3.0f * arrays[2][i];
    return NULL;
}

static double best(void *(*fn)(void *), int own_argument)
{
    double least = 1e9;
    for (int round = 0; round < 4; round++) {
        pthread_t id[256];
        float sink[256];
        double start = now();
        for (int k = 0; k < threads; k++)
            pthread_create(&id[k], NULL, fn, own_argument ? (void *)&sink[k] : (void *)(size_t)k);
        for (int k = 0; k < threads; k++) pthread_join(id[k], NULL);
        double seconds = now() - start;
        if (seconds < least) least = seconds;
    }
    return least;
}

int main(int argc, char **argv)
{
    threads = argc > 1 ? atoi(argv[1]) : 1;
    for (int k = 0; k < 3; k++) {
        arrays[k] = malloc(ELEMENTS * sizeof(float));
        for (long i = 0; i < ELEMENTS; i++) arrays[k][i] = (float)i;
    }
    double flops = 2.0 * TURNS * CHAINS * LANES * threads, bytes = 3.0 * ELEMENTS * sizeof(float);
    printf("{\"gflops\": %.1f, \"gbytes\": %.1f}\n", flops / best(multiply_add, 1) * 1e-9,
           bytes / best(triad, 0) * 1e-9);
    return 0;
}
