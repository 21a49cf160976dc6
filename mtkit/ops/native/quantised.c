// Products of numbers rounded to 8 bits: weights once, with a scale a row; what they are multiplied with on the way, with
// a scale a row, too. Sums are whole numbers and exact. On the processor's matrix tiles where it has them.

#define _GNU_SOURCE
#include "functions.h"
#include <stdlib.h>

static void *room(int which, int64_t bytes) {
    static _Thread_local struct { void *at; int64_t bytes; } held[2];
    if (held[which].bytes < bytes) {
        free(held[which].at);
        held[which].at = aligned_alloc(64, (bytes + 63) / 64 * 64);
        held[which].bytes = held[which].at ? bytes : 0;
    }
    return held[which].at;
}

// A row at its scale: x = scale * q, the largest q being 127.
static float quantise(int64_t k, int64_t padded, in_t x, int8_t *restrict q) {
    float top = 0;
    PRAGMA(omp simd reduction(max : top))
    for (int64_t i = 0; i < k; i++) top = fabsf(x[i]) > top ? fabsf(x[i]) : top;
    // What is no number, or no finite one, must stay noticed: its scale is none.
    float sum = 0;
    PRAGMA(omp simd reduction(+ : sum))
    for (int64_t i = 0; i < k; i++) sum += x[i] * 0;
    if (sum != 0) {
        memset(q, 0, padded);
        return NAN;
    }
    float one = top > 0 ? 127 / top : 0;
    SIMD
    for (int64_t i = 0; i < k; i++) q[i] = (int8_t)(int)(x[i] * one + (x[i] < 0 ? -0.5f : 0.5f));
    memset(q + k, 0, padded - k);
    return top / 127;
}

#if defined(__AMX_INT8__) && defined(__AVX512F__)

#include "tiles.h"
#include <immintrin.h>

#define DEPTH 64 // of a tile

int quantised_tiles(void) { return 1; }

// Sums of a tile -> c = start + sum * scale of its row * scale of its column.
static void finish(int64_t i, int64_t j, int64_t m, int64_t n, const int32_t *sums, const float *a_scale, in_t b_scale,
                   const float *start, int64_t start_row, float *c, int64_t c_row) {
    __mmask16 here = n - j >= 16 ? 0xFFFF : (1 << (n - j)) - 1;
    __m512 across = _mm512_maskz_loadu_ps(here, b_scale + j);
    for (int64_t y = 0; y < 16 && i + y < m; y++) {
        __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums + 16 * y));
        __m512 base = start ? _mm512_maskz_loadu_ps(here, start + (i + y) * start_row + j) : _mm512_setzero_ps();
        __m512 made = _mm512_fmadd_ps(_mm512_mul_ps(sum, _mm512_set1_ps(a_scale[i + y])), across, base);
        _mm512_mask_storeu_ps(c + (i + y) * c_row + j, here, made);
    }
}

// Rows [i0, i1) and columns [j0, j1) of tiles, two by two; weights lie tile by tile (quantised.py).
static void multiply(int64_t i0, int64_t i1, int64_t j0, int64_t j1, int64_t m, int64_t n, int64_t kt, const int8_t *a,
                     const float *a_scale, const int8_t *b, in_t b_scale, const float *start, int64_t start_row,
                     float *c, int64_t c_row) {
    _Alignas(64) int32_t sums[4][256];
    int64_t row = kt * DEPTH, tile = 16 * DEPTH;
    for (int64_t j = j0; j < j1; j += 2)
        for (int64_t i = i0; i < i1; i += 2) {
            const int8_t *a0 = a + 16 * i * row, *a1 = i + 1 < i1 ? a0 + 16 * row : NULL;
            const int8_t *b0 = b + j * kt * tile, *b1 = j + 1 < j1 ? b0 + kt * tile : NULL;
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
                    finish(16 * (i + q / 2), 16 * (j + q % 2), m, n, sums[q], a_scale, b_scale, start, start_row, c, c_row);
        }
}

// c (m, n) = start + a (m, k) b, where b (n, k) is quantised and laid in tiles. A start of step 0 is one row for all;
// NULL: none. Returns 0 if there was no room.
int quantised_product(int64_t m, int64_t n, int64_t k, int64_t a_row, int64_t start_row, int64_t c_row, in_t a,
                      const int8_t *b, in_t b_scale, const float *start, float *c, int threads) {
    int64_t mt = (m + 15) / 16, nt = (n + 15) / 16, kt = (k + DEPTH - 1) / DEPTH;
    int8_t *rows = room(0, 16 * mt * kt * DEPTH);
    float *scales = room(1, 16 * mt * sizeof(float));
    if (!rows || !scales) return 0;
    if (m * n * k < 1 << 18) threads = 1;
    int by_row = mt > nt;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t i = 0; i < m; i++) scales[i] = quantise(k, kt * DEPTH, a + i * a_row, rows + i * kt * DEPTH);
        configure();
#pragma omp for schedule(static, 1)
        for (int64_t part = 0; part < threads; part++) {
            int64_t begin = share(by_row ? mt : nt, part, threads), end = share(by_row ? mt : nt, part + 1, threads);
            multiply(by_row ? begin : 0, by_row ? end : mt, by_row ? 0 : begin, by_row ? nt : end, m, n, kt, rows, scales,
                     b, b_scale, start, start_row, c, c_row);
        }
        release();
    }
    return 1;
}

#else

int quantised_tiles(void) { return 0; }

// The same without tiles: b (n, k) lies row by row.
int quantised_product(int64_t m, int64_t n, int64_t k, int64_t a_row, int64_t start_row, int64_t c_row, in_t a,
                      const int8_t *b, in_t b_scale, const float *start, float *c, int threads) {
    int8_t *rows = room(0, m * k);
    float *scales = room(1, m * sizeof(float));
    if (!rows || !scales) return 0;
    ROWS(m * k)
    for (int64_t i = 0; i < m; i++) scales[i] = quantise(k, k, a + i * a_row, rows + i * k);
    PRAGMA(omp parallel for schedule(static) if (m * n * k > 1 << 18) num_threads(threads))
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < m; i++) {
            const int8_t *x = rows + i * k, *y = b + j * k;
            int32_t sum = 0;
            for (int64_t l = 0; l < k; l++) sum += x[l] * y[l];
            c[i * c_row + j] = sum * scales[i] * b_scale[j] + (start ? start[i * start_row + j] : 0);
        }
    return 1;
}

#endif
