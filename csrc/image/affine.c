/* affine.c -- rotations and affine maps: Pillow's matrices, fixed-point nearest, bilinear and bicubic sampling. */
#include "image.h"
#include <limits.h>
#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* Python's angle % 360.0 */
static double mod360(double angle)
{
    double r = fmod(angle, 360.0);
    if (r == 0) return 0.0;
    return r < 0 ? r + 360.0 : r;
}

static double radians(double degrees)
{
    return degrees * (PI / 180.0);
}

/* Python's round(v, 15) for |v| <= 1: the double nearest to the decimal. v * 1e15 is split into p + e exactly, and both
   the integer and 1e15 are doubles, so the division rounds correctly. */
static double round15(double v)
{
    double p = v * 1e15, e = fma(v, 1e15, -p), n = rint(p), d = p - n;
    if (d == 0.5 && e > 0) n += 1;
    if (d == -0.5 && e < 0) n -= 1;
    return n / 1e15;
}

static double apply_x(const double m[6], double x, double y) { return m[0] * x + m[1] * y + m[2]; }
static double apply_y(const double m[6], double x, double y) { return m[3] * x + m[4] * y + m[5]; }

int pc_rotate_quarters(int h, int w, double angle, int expand, const double *center)
{
    if (center != NULL) return -1;
    angle = mod360(angle);
    if (angle == 0) return 0;
    if (angle == 180) return 2;
    if ((angle == 90 || angle == 270) && (expand || h == w)) return angle == 90 ? 1 : 3;
    return -1;
}

/* Far centres lose the image in rounding: any size that is refused. */
static int extent_of(double lo, double hi)
{
    double d = ceil(hi) - floor(lo);
    return d < INT_MAX ? (int)d : INT_MAX;
}

void pc_rotate_matrix(int h, int w, double angle, int expand, const double *center, double m[6], int *oh, int *ow)
{
    double a = -radians(mod360(angle)), c = cos(a), s = sin(a);
    double cx = center != NULL ? center[0] : w / 2.0, cy = center != NULL ? center[1] : h / 2.0;
    m[0] = m[4] = round15(c);
    m[1] = round15(s);
    m[3] = round15(-s);
    m[2] = m[5] = 0;
    double m2 = apply_x(m, -cx, -cy), m5 = apply_y(m, -cx, -cy);
    m[2] = m2 + cx;
    m[5] = m5 + cy;
    *oh = h;
    *ow = w;
    if (expand) {
        double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
        for (int k = 0; k < 4; k++) {
            double px = apply_x(m, k & 1 ? w : 0, k & 2 ? h : 0), py = apply_y(m, k & 1 ? w : 0, k & 2 ? h : 0);
            x0 = fmin(x0, px);
            x1 = fmax(x1, px);
            y0 = fmin(y0, py);
            y1 = fmax(y1, py);
        }
        *ow = extent_of(x0, x1);
        *oh = extent_of(y0, y1);
        m2 = apply_x(m, -(*ow - w) / 2.0, -(*oh - h) / 2.0);
        m5 = apply_y(m, -(*ow - w) / 2.0, -(*oh - h) / 2.0);
        m[2] = m2;
        m[5] = m5;
    }
}

/* torchvision's orders of operations, which fix the rounding. */
void pc_affine_matrix(int version, int h, int w, double angle, double tx, double ty, double scale, double shear_x,
                      double shear_y, const double *center, double m[6])
{
    double rot = radians(angle), sx = radians(shear_x), sy = radians(shear_y);
    double cx = center != NULL ? center[0] : w * 0.5, cy = center != NULL ? center[1] : h * 0.5;
    double a = cos(rot - sy) / cos(sy), c = sin(rot - sy) / cos(sy), b, d;
    if (version == 1) {
        b = -cos(rot - sy) * tan(sx) / cos(sy) - sin(rot);
        d = -sin(rot - sy) * tan(sx) / cos(sy) + cos(rot);
    } else {
        b = -(a * tan(sx) + sin(rot));
        d = cos(rot) - c * tan(sx);
    }
    m[0] = d / scale;
    m[1] = -b / scale;
    m[3] = -c / scale;
    m[4] = a / scale;
    if (version == 1) {
        m[2] = m[0] * (-cx - tx) + m[1] * (-cy - ty) + cx;
        m[5] = m[3] * (-cx - tx) + m[4] * (-cy - ty) + cy;
    } else {
        m[2] = cx - m[0] * (cx + tx) - m[1] * (cy + ty);
        m[5] = cy - m[3] * (cx + tx) - m[4] * (cy + ty);
    }
}

static void put_fill(uint8_t *dst, int64_t n, int c, const uint8_t *fill)
{
    if (c == 3) {
        for (int64_t i = 0; i < n; i++, dst += 3) {
            dst[0] = fill[0];
            dst[1] = fill[1];
            dst[2] = fill[2];
        }
    } else {
        for (int64_t i = 0; i < n; i++, dst += c)
            for (int k = 0; k < c; k++) dst[k] = fill[k];
    }
}

/* Truncation as Pillow's COORD; -1 outside, also for what is no number. */
static int64_t coordinate(double v, int64_t limit)
{
    return v >= 0.0 && v < limit ? (int64_t)v : -1;
}

/* No rotation: positions accumulate in double along each axis. */
static void nearest_scale(pc_image a, const double m[6], const uint8_t *fill, int oh, int ow, uint8_t *dst)
{
    double yo = m[5] + m[4] * 0.5;
    for (int y = 0; y < oh; y++, yo += m[4], dst += (int64_t)ow * a.c) {
        int64_t sy = coordinate(yo, a.h);
        if (sy < 0) {
            put_fill(dst, ow, a.c, fill);
            continue;
        }
        const uint8_t *row = a.px + sy * a.sy;
        double xo = m[2] + m[0] * 0.5;
        uint8_t *d = dst;
        for (int x = 0; x < ow; x++, xo += m[0], d += a.c) {
            int64_t sx = coordinate(xo, a.w);
            const uint8_t *s = sx < 0 ? fill : row + sx * a.sx;
            for (int k = 0; k < a.c; k++) d[k] = s[k];
        }
    }
}

/* 16.16 fixed point, Pillow's FIX. */
static int64_t fix(double v)
{
    v = v * 65536.0 + 0.5;
    return v < 0.0 ? (int64_t)floor(v) : (int64_t)v;
}

static inline void nearest_run(const uint8_t *px, int64_t sy, int64_t sx, int c, int64_t u, int64_t v, int64_t du,
                               int64_t dv, int64_t n, uint8_t *restrict d)
{
    for (int64_t x = 0; x < n; x++, u += du, v += dv, d += c) {
        const uint8_t *s = px + (v >> 16) * sy + (u >> 16) * sx;
        for (int k = 0; k < c; k++) d[k] = s[k];
    }
}

static void nearest_fixed(pc_image a, const double m[6], const uint8_t *fill, int oh, int ow, uint8_t *dst)
{
    int64_t a0 = fix(m[0]), a1 = fix(m[1]), a3 = fix(m[3]), a4 = fix(m[4]);
    int64_t u0 = fix(m[2] + m[0] * 0.5 + m[1] * 0.5), v0 = fix(m[5] + m[3] * 0.5 + m[4] * 0.5);
    uint64_t umax = (uint64_t)a.w << 16, vmax = (uint64_t)a.h << 16;
    for (int y = 0; y < oh; y++, u0 += a1, v0 += a4, dst += (int64_t)ow * a.c) {
        /* What lies inside is one run of x: both conditions are linear in it. */
        int64_t lo = 0, hi = ow;
        while (lo < hi && ((uint64_t)(u0 + a0 * lo) >= umax || (uint64_t)(v0 + a3 * lo) >= vmax)) lo++;
        while (hi > lo && ((uint64_t)(u0 + a0 * (hi - 1)) >= umax || (uint64_t)(v0 + a3 * (hi - 1)) >= vmax)) hi--;
        put_fill(dst, lo, a.c, fill);
        int64_t u = u0 + a0 * lo, v = v0 + a3 * lo;
        if (a.c == 3)
            nearest_run(a.px, a.sy, a.sx, 3, u, v, a0, a3, hi - lo, dst + lo * 3);
        else
            nearest_run(a.px, a.sy, a.sx, a.c, u, v, a0, a3, hi - lo, dst + lo * a.c);
        put_fill(dst + hi * a.c, ow - hi, a.c, fill);
    }
}

/* For coordinates that 16.16 does not hold. */
static void nearest_float(pc_image a, const double m[6], const uint8_t *fill, int oh, int ow, uint8_t *dst)
{
    double xo = m[2] + m[1] * 0.5 + m[0] * 0.5, yo = m[5] + m[4] * 0.5 + m[3] * 0.5;
    for (int y = 0; y < oh; y++, xo += m[1], yo += m[4]) {
        double xx = xo, yy = yo;
        for (int x = 0; x < ow; x++, xx += m[0], yy += m[3], dst += a.c) {
            int64_t sx = coordinate(xx, a.w), sy = coordinate(yy, a.h);
            const uint8_t *s = sx < 0 || sy < 0 ? fill : a.px + sy * a.sy + sx * a.sx;
            for (int k = 0; k < a.c; k++) dst[k] = s[k];
        }
    }
}

static int fits_fixed(const double m[6], double x, double y)
{
    return fabs(apply_x(m, x, y)) < 32768.0 && fabs(apply_y(m, x, y)) < 32768.0;
}

static inline int64_t clip(int64_t v, int64_t n)
{
    return v < 0 ? 0 : v < n ? v : n - 1;
}

static inline int64_t floor_of(double v)
{
    int64_t i = (int64_t)v;
    return i - (i > v);
}

static inline double lerp(double a, double b, double d)
{
    return a + (b - a) * d;
}

static inline void bilinear(const pc_image *a, double xin, double yin, const int c, uint8_t *dst)
{
    xin -= 0.5;
    yin -= 0.5;
    int64_t x = floor_of(xin), y = floor_of(yin);
    double dx = xin - x, dy = yin - y;
    const uint8_t *r0 = a->px + clip(y, a->h) * a->sy, *r1 = a->px + clip(y + 1, a->h) * a->sy;
    int64_t x0 = clip(x, a->w) * a->sx, x1 = clip(x + 1, a->w) * a->sx;
    for (int k = 0; k < c; k++)
        dst[k] = (uint8_t)lerp(lerp(r0[x0 + k], r0[x1 + k], dx), lerp(r1[x0 + k], r1[x1 + k], dx), dy);
}

static inline double cubic(double v1, double v2, double v3, double v4, double d)
{
    double p2 = -v1 + v3, p3 = 2 * (v1 - v2) + v3 - v4, p4 = -v1 + v2 - v3 + v4;
    return v2 + d * (p2 + d * (p3 + d * p4));
}

static inline void bicubic(const pc_image *a, double xin, double yin, const int c, uint8_t *dst)
{
    xin -= 0.5;
    yin -= 0.5;
    int64_t x = floor_of(xin), y = floor_of(yin);
    double dx = xin - x, dy = yin - y;
    int64_t xs[4];
    const uint8_t *rows[4];
    for (int j = 0; j < 4; j++) xs[j] = clip(x - 1 + j, a->w) * a->sx;
    /* The first row is clipped into the image; beyond it the row before stays. */
    for (int j = 0; j < 4; j++) {
        int64_t row = y - 1 + j;
        rows[j] = j > 0 && (row < 0 || row >= a->h) ? rows[j - 1] : a->px + clip(row, a->h) * a->sy;
    }
    for (int k = 0; k < c; k++) {
        double v[4];
        for (int j = 0; j < 4; j++) {
            const uint8_t *r = rows[j] + k;
            v[j] = cubic(r[xs[0]], r[xs[1]], r[xs[2]], r[xs[3]], dx);
        }
        double s = cubic(v[0], v[1], v[2], v[3], dy);
        dst[k] = s <= 0.0 ? 0 : s >= 255.0 ? 255 : (uint8_t)s;
    }
}

static inline void sampled(const pc_image *a, const double m[6], int cubic_filter, const uint8_t *fill, int oh, int ow,
                           const int c, uint8_t *dst)
{
    for (int y = 0; y < oh; y++) {
        for (int x = 0; x < ow; x++, dst += c) {
            double xin = apply_x(m, x + 0.5, y + 0.5), yin = apply_y(m, x + 0.5, y + 0.5);
            if (!(xin >= 0.0 && xin < a->w && yin >= 0.0 && yin < a->h))
                for (int k = 0; k < c; k++) dst[k] = fill[k];
            else if (cubic_filter)
                bicubic(a, xin, yin, c, dst);
            else
                bilinear(a, xin, yin, c, dst);
        }
    }
}

void pc_image_affine(pc_image a, const double m[6], pc_filter filter, const uint8_t *fill, int oh, int ow,
                     uint8_t *dst)
{
    if (filter != PC_NEAREST && a.c == 3)
        sampled(&a, m, filter == PC_BICUBIC, fill, oh, ow, 3, dst);
    else if (filter != PC_NEAREST)
        sampled(&a, m, filter == PC_BICUBIC, fill, oh, ow, a.c, dst);
    else if (m[1] == 0 && m[3] == 0)
        nearest_scale(a, m, fill, oh, ow, dst);
    else if (fits_fixed(m, 0, 0) && fits_fixed(m, ow, oh) && fits_fixed(m, 0, oh) && fits_fixed(m, ow, 0))
        nearest_fixed(a, m, fill, oh, ow, dst);
    else
        nearest_float(a, m, fill, oh, ow, dst);
}
