/* inflate.c -- RFC 1951: Huffman codes read through a table of 10 bits, longer ones canonically. */
#include "inflate.h"
#include <stdbool.h>
#include <string.h>

#define FAST_BITS 10
#define MAX_BITS 15
#define MAX_SYMBOLS 288

typedef struct stream {
    const uint8_t *p, *end;
    uint64_t bits; /* the next bit is the lowest */
    int count;
    int missing;   /* zero bits supplied beyond the end */
    uint8_t *dst, *at, *limit;
} stream;

typedef struct code {
    uint16_t fast[1 << FAST_BITS]; /* symbol << 4 | length; 0: longer than FAST_BITS */
    uint16_t counts[MAX_BITS + 1], symbols[MAX_SYMBOLS];
} code;

static pc_status damaged(void)
{
    return pc_fail(PC_EFORMAT, "damaged compressed data");
}

static void refill(stream *s)
{
    while (s->count <= 56) {
        uint64_t byte = 0;
        if (s->p < s->end) byte = *s->p++;
        else s->missing += 8;
        s->bits |= byte << s->count;
        s->count += 8;
    }
}

/* At most 16 bits. */
static uint32_t take(stream *s, int n)
{
    if (s->count < n) refill(s);
    uint32_t v = (uint32_t)(s->bits & ((1u << n) - 1));
    s->bits >>= n;
    s->count -= n;
    return v;
}

/* Codes may be incomplete (an unused code of one symbol is); they may not be over-subscribed. */
static bool code_build(code *c, const uint8_t *lengths, int n)
{
    uint16_t offsets[MAX_BITS + 2] = { 0 }, next[MAX_BITS + 2] = { 0 };
    int left = 1;
    memset(c, 0, sizeof *c);
    for (int k = 0; k < n; k++) c->counts[lengths[k]]++;
    c->counts[0] = 0;
    for (int b = 1; b <= MAX_BITS; b++) {
        left = 2 * left - c->counts[b];
        if (left < 0) return false;
        offsets[b + 1] = (uint16_t)(offsets[b] + c->counts[b]);
        next[b + 1] = (uint16_t)((next[b] + c->counts[b]) << 1);
    }
    for (int k = 0; k < n; k++) {
        int bits = lengths[k];
        if (bits == 0) continue;
        c->symbols[offsets[bits]++] = (uint16_t)k;
        uint32_t word = next[bits]++, reversed = 0;
        if (bits > FAST_BITS) continue;
        for (int b = 0; b < bits; b++) reversed |= (word >> b & 1) << (bits - 1 - b);
        for (uint32_t f = reversed; f < 1 << FAST_BITS; f += 1u << bits) c->fast[f] = (uint16_t)(k << 4 | bits);
    }
    return true;
}

/* -1: no such code. */
static int code_read(stream *s, const code *c)
{
    if (s->count < MAX_BITS) refill(s);
    uint16_t f = c->fast[s->bits & ((1 << FAST_BITS) - 1)];
    if (f != 0) {
        s->bits >>= f & 15;
        s->count -= f & 15;
        return f >> 4;
    }
    int word = 0, first = 0, index = 0;
    for (int b = 1; b <= MAX_BITS; b++) {
        word |= (int)(s->bits >> (b - 1) & 1);
        int n = c->counts[b];
        if (word - n < first) {
            s->bits >>= b;
            s->count -= b;
            return c->symbols[index + word - first];
        }
        index += n;
        first = (first + n) << 1;
        word <<= 1;
    }
    return -1;
}

static pc_status block_stored(stream *s)
{
    take(s, s->count % 8);
    if (s->count < s->missing) return damaged();
    s->p -= (s->count - s->missing) / 8; /* bytes read ahead go back; supplied zeros were never there */
    s->bits = 0;
    s->count = s->missing = 0;
    if (s->end - s->p < 4) return damaged();
    int64_t n = s->p[0] | s->p[1] << 8, check = s->p[2] | s->p[3] << 8;
    s->p += 4;
    if ((n ^ check) != 0xFFFF || n > s->end - s->p || n > s->limit - s->at) return damaged();
    memcpy(s->at, s->p, (size_t)n);
    s->at += n;
    s->p += n;
    return PC_OK;
}

static pc_status block_coded(stream *s, const code *literals, const code *distances)
{
    static const uint16_t length_base[] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59,
                                            67, 83, 99, 115, 131, 163, 195, 227, 258 };
    static const uint8_t length_extra[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                            2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
    static const uint16_t distance_base[] = { 1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                              33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                              1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 };
    static const uint8_t distance_extra[] = { 0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                              6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13 };
    for (;;) {
        int symbol = code_read(s, literals);
        if (symbol == 256) return PC_OK;
        if (symbol < 0 || symbol > 285 || s->at == s->limit || s->missing > 64) return damaged();
        if (symbol < 256) {
            *s->at++ = (uint8_t)symbol;
            continue;
        }
        int64_t n = length_base[symbol - 257] + take(s, length_extra[symbol - 257]);
        symbol = code_read(s, distances);
        if (symbol < 0 || symbol > 29) return damaged();
        int64_t distance = distance_base[symbol] + take(s, distance_extra[symbol]);
        if (distance > s->at - s->dst || n > s->limit - s->at) return damaged();
        for (; n > 0; n--, s->at++) *s->at = s->at[-distance]; /* may overlap: byte by byte */
    }
}

static pc_status read_codes(stream *s, code *literals, code *distances)
{
    static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
    uint8_t lengths[MAX_SYMBOLS + 32] = { 0 };
    int nlit = (int)take(s, 5) + 257, ndist = (int)take(s, 5) + 1, ncode = (int)take(s, 4) + 4;
    if (nlit > 286 || ndist > 30) return damaged();
    for (int k = 0; k < ncode; k++) lengths[order[k]] = (uint8_t)take(s, 3);
    if (!code_build(literals, lengths, 19)) return damaged();
    memset(lengths, 0, sizeof lengths);
    for (int k = 0; k < nlit + ndist;) {
        int symbol = code_read(s, literals), repeat = 1, value = symbol;
        if (symbol < 0 || s->missing > 64) return damaged();
        if (symbol >= 16) {
            if (symbol == 16 && k == 0) return damaged();
            value = symbol == 16 ? lengths[k - 1] : 0;
            repeat = symbol == 16 ? 3 + (int)take(s, 2) : symbol == 17 ? 3 + (int)take(s, 3) : 11 + (int)take(s, 7);
        }
        if (repeat > nlit + ndist - k) return damaged();
        while (repeat-- > 0) lengths[k++] = (uint8_t)value;
    }
    if (!code_build(literals, lengths, nlit) || !code_build(distances, lengths + nlit, ndist)) return damaged();
    return PC_OK;
}

static void fixed_codes(code *literals, code *distances)
{
    uint8_t lengths[MAX_SYMBOLS];
    for (int k = 0; k < MAX_SYMBOLS; k++) lengths[k] = k < 144 ? 8 : k < 256 ? 9 : k < 280 ? 7 : 8;
    code_build(literals, lengths, MAX_SYMBOLS);
    memset(lengths, 5, 30);
    code_build(distances, lengths, 30);
}

pc_status pc_inflate(const uint8_t *src, int64_t n, uint8_t *dst, int64_t size)
{
    pc_status status = PC_OK;
    stream s = { .p = src, .end = src + n, .dst = dst, .at = dst, .limit = dst + size };
    code literals, distances;
    bool last = false;
    while (!last) {
        last = take(&s, 1);
        uint32_t kind = take(&s, 2);
        PC_CHECK(kind != 3 && s.missing <= 64, PC_EFORMAT, "damaged compressed data");
        if (kind == 0) {
            PC_TRY(block_stored(&s));
            continue;
        }
        if (kind == 1) fixed_codes(&literals, &distances);
        else PC_TRY(read_codes(&s, &literals, &distances));
        PC_TRY(block_coded(&s, &literals, &distances));
    }
    /* Bits taken from beyond the end, or whole bytes left over: not what the record said. */
    PC_CHECK(s.count >= s.missing && s.p == s.end && s.count - s.missing < 8 && s.at == s.limit, PC_EFORMAT,
             "compressed data of %lld bytes does not give the %lld bytes that it should", (long long)n,
             (long long)size);
done:
    return status;
}
