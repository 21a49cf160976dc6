// Matrix products in bf16: operands rounded to bf16, sums in fp32. What forms them are the processor's matrix tiles (AMX) or
// its vectors (pairs.h). What each function computes is torch's product of the rounded operands; tests hold the two
// together.
//
// A packed operand is tiles of 16 rows x 32 numbers of the dimension that is summed over, k, stored one after another
// ([rows / 16][k / 32], what is missing at the edges is zero). The tile's 16 x 16 pairs of neighbours in k lie as
// they are for the left operand, and transposed for the right one.

#define _GNU_SOURCE
#include "pairs.h"
#include "tiles.h"

// Which form this is (units.py).
#ifdef __AMX_BF16__
int tiles_form(void) { return tiles_allowed() ? 4 : FORM; }
#else
int tiles_form(void) { return FORM; }
#endif

#if FORM

#include "room.h"

#define TILE 512 // numbers
#define DEPTH 32 // tiles of k at once, so that what is read again and again stays in the second cache
#define INLINE static inline __attribute__((always_inline))

#ifdef __AVX512BF16__
static void transpose(__m512i r[16]) {
    __m512i t[16];
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int j = 0; j < 4; j++) {
        __m512i low = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x44), high = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xEE);
        __m512i low2 = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x44);
        __m512i high2 = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xEE);
        t[j] = _mm512_shuffle_i32x4(low, low2, 0x88);
        t[4 + j] = _mm512_shuffle_i32x4(low, low2, 0xDD);
        t[8 + j] = _mm512_shuffle_i32x4(high, high2, 0x88);
        t[12 + j] = _mm512_shuffle_i32x4(high, high2, 0xDD);
    }
    memcpy(r, t, sizeof t);
}

static inline __mmask16 first(int64_t count) { return count >= 16 ? 0xFFFF : count <= 0 ? 0 : (1 << count) - 1; }

// One tile of a matrix whose number (x, k) is at from[x * x_step + k * k_step], one of the steps being 1.
static void pack_tile(const float *from, int64_t xs, int64_t ks, int64_t x_step, int64_t k_step, int right, bf16 *to) {
    __m512i r[16];
    int turned;
    if (k_step == 1) {
        __mmask16 low = first(ks), high = first(ks - 16);
        for (int x = 0; x < 16; x++) {
            const float *row = from + x * x_step;
            r[x] = x >= xs ? _mm512_setzero_si512()
                           : (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, row + 16),
                                                          _mm512_maskz_loadu_ps(low, row));
        }
        turned = right;
    } else {
        __mmask16 here = first(xs);
        for (int p = 0; p < 16; p++) {
            const float *row = from + 2 * p * k_step;
            __m512 even = _mm512_maskz_loadu_ps(2 * p < ks ? here : 0, row);
            __m512 odd = _mm512_maskz_loadu_ps(2 * p + 1 < ks ? here : 0, row + k_step);
            __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even));
            __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd));
            r[p] = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
        }
        turned = !right;
    }
    if (turned) transpose(r);
    for (int i = 0; i < 16; i++) _mm512_store_si512(to + 32 * i, r[i]);
}

#else
// To the nearest, of two as near the even one; what is no number stays none.
static inline bf16 rounded(float x) {
    union { float number; uint32_t bits; } one = {x};
    uint32_t up = one.bits + 0x7FFF + (one.bits >> 16 & 1);
    return (bf16)(((one.bits & 0x7FFFFFFF) > 0x7F800000 ? one.bits | 0x400000 : up) >> 16);
}

// The same number by number.
static void pack_tile(const float *from, int64_t xs, int64_t ks, int64_t x_step, int64_t k_step, int right, bf16 *to) {
    memset(to, 0, TILE * sizeof *to);
    for (int64_t x = 0; x < 16 && x < xs; x++)
        if (right)
            for (int64_t k = 0; k < 32 && k < ks; k++) to[k / 2 * 32 + 2 * x + k % 2] = rounded(from[x * x_step + k * k_step]);
        else if (k_step == 1 && ks >= 32)
            for (int64_t k = 0; k < 32; k++) to[32 * x + k] = rounded(from[x * x_step + k]);
        else
            for (int64_t k = 0; k < 32 && k < ks; k++) to[32 * x + k] = rounded(from[x * x_step + k * k_step]);
}
#endif

// The tiles [begin, end) of x, in all of k; memory is read in the order in which it lies.
static void pack(int64_t begin, int64_t end, int64_t x, int64_t k, const float *from, int64_t x_step, int64_t k_step,
                 int right, bf16 *to) {
    int64_t kt = (k + 31) / 32, in_k = k_step == 1 ? kt : end - begin, all = kt * (end - begin);
    for (int64_t t = 0; t < all; t++) {
        int64_t i = begin + (k_step == 1 ? t / in_k : t % in_k), j = k_step == 1 ? t % in_k : t / in_k;
        pack_tile(from + 16 * i * x_step + 32 * j * k_step, x - 16 * i, k - 32 * j, x_step, k_step, right,
                  to + (i * kt + j) * TILE);
    }
}

#ifdef __AMX_BF16__
// A tile of sums, from (and, below, to) where a matrix may end within it.
#define BEGIN(number, i, j)                                                                                            \
    if (!start) _tile_zero(number);                                                                                    \
    else if (m - 16 * (i) >= 16 && n - 16 * (j) >= 16)                                                                 \
        _tile_loadd(number, start + 16 * (i) * start_row + 16 * (j), 4 * start_row);                                   \
    else {                                                                                                             \
        memset(edge, 0, sizeof edge);                                                                                  \
        for (int64_t y = 0; y < 16 && y < m - 16 * (i); y++)                                                           \
            for (int64_t x = 0; x < 16 && x < n - 16 * (j); x++)                                                       \
                edge[16 * y + x] = start[(16 * (i) + y) * start_row + 16 * (j) + x];                                   \
        WRITTEN                                                                                                        \
        _tile_loadd(number, edge, 64);                                                                                 \
    }
#define END(number, i, j)                                                                                              \
    if (m - 16 * (i) >= 16 && n - 16 * (j) >= 16) _tile_stored(number, c + 16 * (i) * c_row + 16 * (j), 4 * c_row);    \
    else {                                                                                                             \
        _tile_stored(number, edge, 64);                                                                                \
        for (int64_t y = 0; y < 16 && y < m - 16 * (i); y++)                                                           \
            for (int64_t x = 0; x < 16 && x < n - 16 * (j); x++)                                                       \
                c[(16 * (i) + y) * c_row + 16 * (j) + x] = edge[16 * y + x];                                           \
    }

// c = start + a b of two by two tiles from (i, j) on; what lies beyond the matrix is NULL.
static void on_tiles(int64_t i, int64_t j, int64_t kt, int64_t m, int64_t n, const bf16 *a0, const bf16 *a1,
                     const bf16 *b0, const bf16 *b1, const float *start, int64_t start_row, float *c, int64_t c_row) {
    _Alignas(64) float edge[256];
    BEGIN(0, i, j)
    if (b1) { BEGIN(1, i, j + 1) }
    if (a1) { BEGIN(2, i + 1, j) }
    if (a1 && b1) { BEGIN(3, i + 1, j + 1) }
    for (int64_t k = 0; k < kt; k++) {
        _tile_loadd(4, a0 + k * TILE, 64);
        _tile_loadd(6, b0 + k * TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        if (b1) {
            _tile_loadd(7, b1 + k * TILE, 64);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (a1) {
            _tile_loadd(5, a1 + k * TILE, 64);
            _tile_dpbf16ps(2, 5, 6);
            if (b1) _tile_dpbf16ps(3, 5, 7);
        }
    }
    END(0, i, j)
    if (b1) { END(1, i, j + 1) }
    if (a1) { END(2, i + 1, j) }
    if (a1 && b1) { END(3, i + 1, j + 1) }
}

#else
#define on_tiles on_vectors
#endif

// c = start + a b of so many rows, a tile's or less, and tiles of columns: constants of whoever calls.
INLINE void strip(const int rows, const int tiles, int64_t kt, const bf16 *a, const bf16 *b, int64_t b_next,
                  const float *start, int64_t start_row, float *c, int64_t c_row) {
    const int each = 16 / LANES, vectors = tiles * each;
    sums_t sums[STRIP][TILES * 16 / LANES];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) sums[r][v] = load(start + r * start_row + v * LANES);
    for (int64_t k = 0; k < kt; k++)
        for (int p = 0; p < 16; p++) {
            pairs_t w[TILES * 16 / LANES];
            for (int v = 0; v < vectors; v++)
                w[v] = weights(b + v / each * b_next + k * TILE + 32 * p + v % each * 2 * LANES);
            for (int r = 0; r < rows; r++) {
                pairs_t x = spread(a + k * TILE + 32 * r + 2 * p);
                for (int v = 0; v < vectors; v++) sums[r][v] = dot(sums[r][v], x, w[v]);
            }
        }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) store(c + r * c_row + v * LANES, sums[r][v]);
}

static void strip_of(int rows, int tiles, int64_t kt, const bf16 *a, const bf16 *b, int64_t b_next, const float *start,
                     int64_t start_row, float *c, int64_t c_row) {
#define STRIP_OF(rows)                                                                                                 \
    case rows:                                                                                                         \
        if (tiles == TILES) strip(rows, TILES, kt, a, b, b_next, start, start_row, c, c_row);                          \
        else strip(rows, 1, kt, a, b, b_next, start, start_row, c, c_row);                                             \
        break;
    switch (rows) {
        STRIP_OF(1)
        STRIP_OF(2)
        STRIP_OF(3)
        STRIP_OF(4)
#if STRIP == 8
        STRIP_OF(5)
        STRIP_OF(6)
        STRIP_OF(7)
        STRIP_OF(8)
#endif
    }
}

// The same as on tiles.
static void on_vectors(int64_t i, int64_t j, int64_t kt, int64_t m, int64_t n, const bf16 *a0, const bf16 *a1,
                       const bf16 *b0, const bf16 *b1, const float *start, int64_t start_row, float *c, int64_t c_row) {
    static const float none[16 * TILES];
    float edge[STRIP][16 * TILES];
    int64_t b_next = b1 ? b1 - b0 : 0;
    for (int64_t y = 0; y < 32 && 16 * i + y < m; y += STRIP) {
        const bf16 *a = (y < 16 ? a0 : a1) + y % 16 * 32, *b = b0;
        int64_t left_over = m - 16 * i - y, rows = left_over < STRIP ? left_over : STRIP, tiles;
        for (int64_t x = 0; x < (b1 ? 32 : 16); x += 16 * tiles, b = b1) {
            tiles = b1 ? TILES : 1;
            int64_t columns = n - 16 * j - x < 16 * tiles ? n - 16 * j - x : 16 * tiles;
            const float *from = start ? start + (16 * i + y) * start_row + 16 * j + x : none;
            int64_t from_row = start ? start_row : 0;
            float *to = c + (16 * i + y) * c_row + 16 * j + x;
            if (columns == 16 * tiles) {
                strip_of(rows, tiles, kt, a, b, b_next, from, from_row, to, c_row);
                continue;
            }
            memset(edge, 0, sizeof edge);
            for (int64_t r = 0; r < rows; r++) memcpy(edge[r], from + r * from_row, columns * sizeof(float));
            strip_of(rows, tiles, kt, a, b, b_next, edge[0], 16 * TILES, edge[0], 16 * TILES);
            for (int64_t r = 0; r < rows; r++) memcpy(to + r * c_row, edge[r], columns * sizeof(float));
        }
    }
}

// c = start + a b, two by two tiles, of rows [i0, i1) and columns [j0, j1) of tiles and kt tiles of k.
static void multiply(int amx, int64_t i0, int64_t i1, int64_t j0, int64_t j1, int64_t kt, int64_t m, int64_t n,
                     const bf16 *a, int64_t a_row, const bf16 *b, int64_t b_row, const float *start, int64_t start_row, float *c,
                     int64_t c_row) {
    int64_t down = (i1 - i0 + 1) / 2, across = (j1 - j0 + 1) / 2;
    int by_row = down > across; // what is longer is gone through once, beside it what is shorter again and again
    for (int64_t t = 0; t < down * across; t++) {
        int64_t i = i0 + 2 * (by_row ? t / across : t % down), j = j0 + 2 * (by_row ? t % across : t / down);
        const bf16 *a0 = a + i * a_row * TILE, *a1 = i + 1 < i1 ? a0 + a_row * TILE : NULL;
        const bf16 *b0 = b + j * b_row * TILE, *b1 = j + 1 < j1 ? b0 + b_row * TILE : NULL;
        (amx ? on_tiles : on_vectors)(i, j, kt, m, n, a0, a1, b0, b1, start, start_row, c, c_row);
    }
}

void tiles_pack(int64_t x, int64_t k, int64_t x_step, int64_t k_step, const float *from, bf16 *to, int threads) {
    int64_t xt = (x + 15) / 16;
#pragma omp parallel for schedule(static, 1) num_threads(threads) if (x * k > 16384)
    for (int64_t part = 0; part < threads; part++)
        pack(share(xt, part, threads), share(xt, part + 1, threads), x, k, from, x_step, k_step, 1, to);
}

// c (m, n) = start + a (m, k) b (k, n), where b is given packed by tiles_pack, or not and then is packed here. A start
// of step 0 is one row for all; NULL: none. Returns 0 if there was no room.
int tiles_product(int64_t m, int64_t n, int64_t k, int64_t ax, int64_t ak, int64_t bx, int64_t bk, int64_t start_row,
                  int64_t c_row, const float *a, const float *b, const bf16 *b_packed, const float *start, float *c,
                  int threads) {
    int64_t mt = (m + 15) / 16, nt = (n + 15) / 16, kt = (k + 31) / 32, depth = kt < 1 ? 1 : kt < DEPTH ? kt : DEPTH;
    int64_t bytes = depth * TILE * sizeof(bf16); // of a row of tiles
    bf16 *left = room(0, mt * bytes), *right = b_packed ? NULL : room(1, nt * bytes);
    if (!left || (!b_packed && !right)) return 0;
    if (m * n * k < 1 << 18) threads = 1;
    int by_row = mt > nt, amx = tiles_form() == 4;
#pragma omp parallel num_threads(threads)
    {
        if (amx) configure();
        for (int64_t k0 = 0; k0 == 0 || k0 < kt; k0 += depth) { // once where there is nothing to sum, for the start
            int64_t ks = kt - k0 < depth ? kt - k0 : depth, rest = k - 32 * k0 < 32 * ks ? k - 32 * k0 : 32 * ks;
#pragma omp for schedule(static, 1)
            for (int64_t part = 0; part < threads; part++) {
                pack(share(mt, part, threads), share(mt, part + 1, threads), m, rest, a + 32 * k0 * ak, ax, ak, 0, left);
                if (b_packed) continue;
                pack(share(nt, part, threads), share(nt, part + 1, threads), n, rest, b + 32 * k0 * bk, bx, bk, 1, right);
            }
#pragma omp for schedule(static, 1)
            for (int64_t part = 0; part < threads; part++) {
                int64_t begin = share(by_row ? mt : nt, part, threads), end = share(by_row ? mt : nt, part + 1, threads);
                multiply(amx, by_row ? begin : 0, by_row ? end : mt, by_row ? 0 : begin, by_row ? nt : end, ks, m, n, left, ks,
                         b_packed ? b_packed + k0 * TILE : right, b_packed ? kt : ks, k0 ? c : start,
                         k0 ? c_row : start_row, c, c_row);
            }
        }
        if (amx) release();
    }
    return 1;
}

#endif
