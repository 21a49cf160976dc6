// Products of numbers rounded to 8 bits: weights once, with a scale a row; what they are multiplied with on the way, with
// a scale a row, too. Sums are whole numbers and exact, whatever forms them: the processor's matrix tiles, or vectors.
//
// Weights (n, k) lie in panels of 16 rows: 16 numbers of 32 bits with which the sums of unsigned numbers begin, 16 scales,
// and then, for four numbers of k after four (up to a multiple of 64), four of each row. That is a matrix tile, too.

#define _GNU_SOURCE
#include "functions.h"
#include "dots.h"
#include "tiles.h"
#include <float.h>

// Tiles may be there where this form has none: for other numbers, or beside other vectors, for which rows lie otherwise.
#define ON_TILES (FORM == 5)

// Which form this is (units.py).
int quantised_form(void) { return ON_TILES && !tiles_allowed() ? 4 : FORM; }

#if FORM

#include "room.h"

#define PANEL 16
#define DEPTH 64 // numbers of k, rounded up to which rows are
#define HEAD (2 * 4 * PANEL) // bytes before the numbers of a panel
#define INLINE static inline __attribute__((always_inline))

static int64_t panel_bytes(int64_t k) { return HEAD + (k + DEPTH - 1) / DEPTH * DEPTH * PANEL; }

// The largest number of a row without its sign; NaN where one is none, or is not finite.
INLINE float largest(int64_t k, in_t x) {
    union { int32_t bits; float number; } top = {0}; // the bits without sign are in the order of the numbers
    int32_t most = 0;
    PRAGMA(omp simd reduction(max : most))
    for (int64_t i = 0; i < k; i++) {
        union { float number; int32_t bits; } one = {x[i]};
        int32_t size = one.bits & 0x7FFFFFFF;
        most = size > most ? size : most;
    }
    top.bits = most;
    return most < 0x7F800000 ? top.number : NAN;
}

// A row on the left at its scale: x = scale * q, the largest q being 127. What is no number must stay noticed: its scale is
// none.
static float quantise(int64_t k, int64_t padded, in_t x, int offset, code_t *restrict q) {
    float top = largest(k, x), one = top > 1e-36f ? 127 / top : 0;
    if (top != top) memset(q, 0, k * sizeof *q);
    else
        SIMD
        for (int64_t i = 0; i < k; i++) q[i] = (code_t)((int)fmaf(x[i], one, x[i] < 0 ? -0.5f : 0.5f) + offset);
    memset(q + k, 0, (padded - k) * sizeof *q);
    return top / 127;
}

// A row of weights, number by number as in mtkit/ops/quantise.py; the sum of its numbers.
static int32_t quantise_weights(int64_t k, int64_t padded, in_t x, float *scale, int8_t *restrict q) {
    float top = largest(k, x), one = top / 127;
    int32_t sum = 0;
    *scale = one;
    one = one < FLT_MIN ? FLT_MIN : one;
    if (top != top) memset(q, 0, k);
    else
        PRAGMA(omp simd reduction(+ : sum))
        for (int64_t i = 0; i < k; i++) {
            int whole = (int)(x[i] / one + (x[i] < 0 ? -0.5f : 0.5f));
            q[i] = (int8_t)whole;
            sum += whole;
        }
    memset(q + k, 0, padded - k);
    return sum;
}

// Rows of weights -> panels. Returns 0 if there was no room.
int quantised_pack(int64_t n, int64_t k, in_t weights, int64_t row, int8_t *to, int threads) {
    int64_t bytes = panel_bytes(k), padded = (bytes - HEAD) / PANEL, panels = (n + PANEL - 1) / PANEL;
    int done = 1;
    PRAGMA(omp parallel for schedule(static) reduction(&& : done) if (n * k > ENOUGH) num_threads(threads))
    for (int64_t p = 0; p < panels; p++) {
        int8_t *panel = to + p * bytes, *numbers = room(2, padded);
        if (!numbers) {
            done = 0;
            continue;
        }
        if (n - p * PANEL < PANEL) memset(panel, 0, bytes);
        for (int64_t j = 0; j < PANEL && p * PANEL + j < n; j++) {
            float scale;
            int32_t sum = quantise_weights(k, padded, weights + (p * PANEL + j) * row, &scale, numbers), start = -OFFSET * sum;
            memcpy(panel + 4 * j, &start, 4);
            memcpy(panel + 4 * PANEL + 4 * j, &scale, 4);
            for (int64_t g = 0; g < padded; g += 4) {
                uint32_t four = word(numbers + g);
                four = ARRANGE(four);
                memcpy(panel + HEAD + g * PANEL + 4 * j, &four, 4);
            }
        }
    }
    return done;
}

// Sums of a row and up to 16 columns -> c = start + sum * scale of the row * scale of the column.
INLINE void finish(int64_t columns, const int32_t *sums, float a_scale, const float *b_scale, const float *start,
                   float *c) {
    if (start) {
        SIMD
        for (int64_t j = 0; j < columns; j++) c[j] = fmaf(sums[j] * a_scale, b_scale[j], start[j]);
    } else {
        SIMD
        for (int64_t j = 0; j < columns; j++) c[j] = sums[j] * a_scale * b_scale[j];
    }
}

// The part of c that begins in row i and column j.
typedef struct {
    const float *start;
    int64_t start_row;
    float *c;
    int64_t c_row, n;
} Place;

static void put(Place at, int64_t i, int64_t j, const int32_t *sums, float a_scale, const int8_t *panel) {
    const float *scales = (const float *)(panel + 4 * PANEL), *start = at.start ? at.start + i * at.start_row + j : NULL;
    float *c = at.c + i * at.c_row + j;
    if (at.n - j >= PANEL) finish(PANEL, sums, a_scale, scales, start, c);
    else finish(at.n - j, sums, a_scale, scales, start, c);
}

// Rows from i on and panels from p on: constants of whoever calls, so that sums stay in registers.
INLINE void strip(const int rows, const int panels, int64_t i, int64_t p, int64_t k, const code_t *a, int64_t a_row,
                  const float *a_scale, const int8_t *b, int64_t b_panel, Place at) {
    sums_t sums[MOST][WIDE * PANEL / LANES];
    const int vectors = panels * PANEL / LANES, each = PANEL / LANES;
    a += i * a_row;
    b += p * b_panel;
    for (int v = 0; v < vectors; v++)
        for (int r = 0; r < rows; r++) sums[r][v] = load(b + v / each * b_panel + v % each * 4 * LANES);
    for (int64_t g = 0; g < k; g += 4) {
        weights_t w[WIDE * PANEL / LANES];
        for (int v = 0; v < vectors; v++) w[v] = weights(b + v / each * b_panel + HEAD + g * PANEL + v % each * 4 * LANES);
        for (int r = 0; r < rows; r++) {
            spread_t x = spread(a + r * a_row + g);
            for (int v = 0; v < vectors; v++) sums[r][v] = dot(sums[r][v], x, w[v]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < panels; q++) {
            int32_t made[PANEL];
            for (int v = 0; v < each; v++) store(made + v * LANES, sums[r][q * each + v]);
            put(at, i + r, (p + q) * PANEL, made, a_scale[i + r], b + q * b_panel);
        }
}

// Rows [i0, i1) and panels [p0, p1): panels outside, since those of a strip stay in the first cache.
static void multiply(int64_t i0, int64_t i1, int64_t p0, int64_t p1, int64_t k, const code_t *a, int64_t a_row,
                     const float *a_scale, const int8_t *b, int64_t b_panel, Place at) {
    int64_t strips = (i1 - i0 + MOST - 1) / MOST, most = i1 - i0 <= FEW ? WIDE : NARROW;
    for (int64_t p = p0; p < p1;) {
        int64_t panels = p1 - p >= most ? most : 1;
        for (int64_t s = 0; s < strips; s++) {
            int64_t i = i0 + (i1 - i0) * s / strips, rows = i0 + (i1 - i0) * (s + 1) / strips - i;
#define STRIP(rows)                                                                                                    \
    case rows:                                                                                                         \
        if (rows <= FEW && panels == WIDE) strip(rows, rows <= FEW ? WIDE : 1, i, p, k, a, a_row, a_scale, b, b_panel, at); \
        else if (panels == NARROW) strip(rows, NARROW, i, p, k, a, a_row, a_scale, b, b_panel, at);                    \
        else strip(rows, 1, i, p, k, a, a_row, a_scale, b, b_panel, at);                                               \
        break;
            switch (rows) {
                STRIP(1)
                STRIP(2)
                STRIP(3)
                STRIP(4)
#if MOST == 8
                STRIP(5)
                STRIP(6)
                STRIP(7)
                STRIP(8)
#endif
            }
        }
        p += panels;
    }
}

#if ON_TILES
// Rows [i0, i1) and columns [j0, j1) of tiles, two by two.
static void multiply_tiles(int64_t i0, int64_t i1, int64_t j0, int64_t j1, int64_t m, int64_t kt, const code_t *a,
                           const float *a_scale, const int8_t *b, int64_t b_panel, Place at) {
    _Alignas(64) int32_t sums[4][256];
    int64_t row = kt * DEPTH, tile = PANEL * DEPTH;
    for (int64_t j = j0; j < j1; j += 2)
        for (int64_t i = i0; i < i1; i += 2) {
            const code_t *a0 = a + 16 * i * row, *a1 = i + 1 < i1 ? a0 + 16 * row : NULL;
            const int8_t *b0 = b + j * b_panel + HEAD, *b1 = j + 1 < j1 ? b0 + b_panel : NULL;
            _tile_zero(0);
            _tile_zero(1);
            _tile_zero(2);
            _tile_zero(3);
            for (int64_t k = 0; k < kt; k++) {
                _tile_loadd(4, a0 + k * DEPTH, row);
                _tile_loadd(6, b0 + k * tile, 64);
                _tile_dpbssd(0, 4, 6);
                if (b1) {
                    _tile_loadd(7, b1 + k * tile, 64);
                    _tile_dpbssd(1, 4, 7);
                }
                if (a1) {
                    _tile_loadd(5, a1 + k * DEPTH, row);
                    _tile_dpbssd(2, 5, 6);
                    if (b1) _tile_dpbssd(3, 5, 7);
                }
            }
            _tile_stored(0, sums[0], 64);
            _tile_stored(1, sums[1], 64);
            _tile_stored(2, sums[2], 64);
            _tile_stored(3, sums[3], 64);
            WRITTEN
            for (int q = 0; q < 4; q++)
                if ((q % 2 == 0 || b1) && (q / 2 == 0 || a1))
                    for (int64_t y = 0; y < 16 && 16 * (i + q / 2) + y < m; y++) {
                        int64_t at_row = 16 * (i + q / 2) + y, panel = j + q % 2;
                        put(at, at_row, PANEL * panel, sums[q] + 16 * y, a_scale[at_row], b + panel * b_panel);
                    }
        }
}
#endif

// c (m, n) = start + a (m, k) b, where b (n, k) is quantised and packed. A start of step 0 is one row for all; NULL: none.
// Returns 0 if there was no room.
int quantised_product(int64_t m, int64_t n, int64_t k, int64_t a_row, int64_t start_row, int64_t c_row, in_t a,
                      const int8_t *b, const float *start, float *c, int threads) {
    int64_t mt = (m + 15) / 16, nt = (n + PANEL - 1) / PANEL, kt = (k + DEPTH - 1) / DEPTH, row = kt * DEPTH;
    code_t *rows = room(0, 16 * mt * row * sizeof(code_t));
    float *scales = room(1, 16 * mt * sizeof(float));
    if (!rows || !scales) return 0;
    if (m * n * k < 1 << 21) threads = 1; // a dozen microseconds of work
    int by_row = mt > nt, tiles = ON_TILES && tiles_allowed(), offset = tiles ? 0 : OFFSET;
    int64_t shared = by_row ? mt : nt;
    Place at = {start, start_row, c, c_row, n};
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t i = 0; i < m; i++) scales[i] = quantise(k, row, a + i * a_row, offset, rows + i * row);
#pragma omp for schedule(static, 1)
        for (int64_t part = 0; part < threads; part++) {
            int64_t begin = share(shared, part, threads), end = share(shared, part + 1, threads);
            int64_t i0 = by_row ? begin : 0, i1 = by_row ? end : mt, j0 = by_row ? 0 : begin, j1 = by_row ? nt : end;
#if ON_TILES
            if (tiles) {
                configure();
                multiply_tiles(i0, i1, j0, j1, m, kt, rows, scales, b, panel_bytes(k), at);
                release();
                continue;
            }
#endif
            multiply(16 * i0, 16 * i1 < m ? 16 * i1 : m, j0, j1, k, rows, row, scales, b, panel_bytes(k), at);
        }
    }
    return 1;
}

#endif
