// What lies between the products of a decoder's step in search: one pass over each hypothesis. The torch forms
// (../reference/steps.py, attention.py) are the references, and say how keys and values lie in memory.

#include "functions.h"

#define TILE 16 // positions of a memory whose keys lie side by side

// x (n, H) += added, and y = x brought to mean 0 and variance 1, times gain, plus shift.
void add_norm(int64_t n, int64_t H, float epsilon, out_t x, in_t added, in_t gain, in_t shift, out_t y, int threads) {
    ROWS(n * 4 * H)
    for (int64_t r = 0; r < n; r++) {
        out_t from = x + r * H, to = y + r * H;
        float sum = 0, squares = 0;
        if (added)
            SIMD
            for (int64_t j = 0; j < H; j++) from[j] += added[j];
        PRAGMA(omp simd reduction(+ : sum))
        for (int64_t j = 0; j < H; j++) sum += from[j];
        float mean = sum / H;
        PRAGMA(omp simd reduction(+ : squares))
        for (int64_t j = 0; j < H; j++) squares += (from[j] - mean) * (from[j] - mean);
        float one = 1.0f / sqrtf(squares / H + epsilon);
        SIMD
        for (int64_t j = 0; j < H; j++) to[j] = (from[j] - mean) * one * gain[j] + shift[j];
    }
}

// TILE numbers, wherever they lie: as many of the processor's vectors as that takes.
typedef float tile_t __attribute__((vector_size(TILE * sizeof(float)), aligned(sizeof(float)), may_alias));
#define AT(x) (*(const tile_t *)(x))

// L scores, minus infinity at what is no position, and room for as many as fill tiles -> their softmax, in their place.
static inline void softmax(int64_t L, float *restrict w) {
    float tops[TILE], sum = 0;
    for (int i = 0; i < TILE; i++) tops[i] = -INFINITY;
    for (int64_t l = L; l % TILE; l++) w[l] = -INFINITY;
    for (int64_t l = 0; l < L; l += TILE)
        for (int i = 0; i < TILE; i++) tops[i] = w[l + i] > tops[i] ? w[l + i] : tops[i];
    for (int half = TILE / 2; half; half /= 2)
        for (int i = 0; i < half; i++) tops[i] = tops[i + half] > tops[i] ? tops[i + half] : tops[i];
    int64_t all = (L + TILE - 1) / TILE * TILE;
    PRAGMA(omp simd reduction(+ : sum))
    for (int64_t l = 0; l < all; l++) sum += w[l] = w[l] == -INFINITY ? 0 : exp_(w[l] - tops[0]);
    float one = 1 / sum;
    SIMD
    for (int64_t l = 0; l < all; l++) w[l] *= one;
}

static inline float dot(int64_t D, const float *x, const float *y) {
    tile_t parts = {0};
    float sum = 0, each[TILE];
    int64_t whole = D / TILE * TILE;
    for (int64_t j = 0; j < whole; j += TILE) parts += AT(x + j) * AT(y + j);
    for (int64_t j = whole; j < D; j++) sum += x[j] * y[j];
    memcpy(each, &parts, sizeof each);
    for (int half = TILE / 2; half; half /= 2)
        for (int i = 0; i < half; i++) each[i] += each[i + half];
    return sum + each[0];
}

// The mean of L rows of D numbers, those of row l at x + at[l] * row (at + l * row without `at`), weighted by w.
static inline void mean(int64_t L, int64_t D, const float *w, const float *x, const int64_t *at, int64_t row, out_t y) {
    int64_t j = 0;
    for (; j + 2 * TILE <= D; j += 2 * TILE) {
        tile_t one = {0}, other = {0};
        for (int64_t l = 0; l < L; l++) {
            const float *from = x + (at ? at[l] : l) * row + j;
            one += w[l] * AT(from);
            other += w[l] * AT(from + TILE);
        }
        memcpy(y + j, &one, sizeof one);
        memcpy(y + j + TILE, &other, sizeof other);
    }
    for (; j + TILE <= D; j += TILE) {
        tile_t one = {0};
        for (int64_t l = 0; l < L; l++) one += w[l] * AT(x + (at ? at[l] : l) * row + j);
        memcpy(y + j, &one, sizeof one);
    }
    if (j == D) return;
    for (int64_t i = j; i < D; i++) y[i] = 0;
    for (int64_t l = 0; l < L; l++)
        for (int64_t i = j; i < D; i++) y[i] += w[l] * x[(at ? at[l] : l) * row + i];
}

// One hypothesis: scores of its query and the keys at `rows` of the table, and the mean of the values there. Inlined, so
// that the usual widths of a head are constants.
static inline __attribute__((always_inline)) void look_back(int64_t L, int64_t A, int64_t D, float scale, in_t query,
                                                            const float *table, const int64_t *rows, float *restrict w,
                                                            out_t context) {
    int64_t H = A * D, T = (L + TILE - 1) / TILE * TILE;
    for (int64_t l = 0; l < L; l++) {
        in_t keys = table + rows[l] * 2 * H;
        for (int64_t h = 0; h < A; h++) w[h * T + l] = dot(D, query + h * D, keys + h * D) * scale;
    }
    for (int64_t h = 0; h < A; h++) {
        softmax(L, w + h * T);
        mean(L, D, w + h * T, table + H + h * D, rows, 2 * H, context + h * D);
    }
}

// Queries, keys and values (n, 3H) of A heads of D numbers: row r's key and value become row first + r of a table with
// `room` rows of both, and its query looks at those L rows that rows (n, L) names, its own among them.
void attend_rows(int64_t n, int64_t L, int64_t A, int64_t D, int64_t first, int64_t room, float scale, in_t made,
                 int64_t made_row, float *table, const int64_t *restrict rows, out_t weights, out_t context,
                 int threads) {
    int64_t H = A * D, share = (n + threads - 1) / threads;
    PRAGMA(omp parallel for schedule(static, 1) if (n * L * H > ENOUGH) num_threads(threads))
    for (int64_t part = 0; part < threads; part++) {
        int64_t end = (part + 1) * share < n ? (part + 1) * share : n;
        float *w = weights + part * A * (L + TILE);
        for (int64_t r = part * share; r < end; r++) {
            in_t query = made + r * made_row;
            const int64_t *at = rows + r * L;
            int there = first >= 0 && first + r < room;
            for (int64_t l = 0; l < L; l++) there &= at[l] >= 0 && at[l] < room;
            if (!there) { // no such row: not a number, so that it is noticed
                for (int64_t j = 0; j < H; j++) context[r * H + j] = NAN;
                continue;
            }
            memcpy(table + (first + r) * 2 * H, query + H, 2 * H * sizeof(float));
            if (D == 32) look_back(L, A, 32, scale, query, table, at, w, context + r * H);
            else if (D == 64) look_back(L, A, 64, scale, query, table, at, w, context + r * H);
            else look_back(L, A, D, scale, query, table, at, w, context + r * H);
        }
    }
}

// Queries (n, H), K of them a sentence, look at its memory of S positions: keys (n / K, A, T / TILE, D, TILE), T being S
// rounded up to tiles, values (n / K, S, H), bias (n / K, T) minus infinity at what is no position. The mean weights of
// the heads go to told (n, T), if that is given.
void attend_memory(int64_t n, int64_t K, int64_t S, int64_t T, int64_t A, int64_t D, float scale, in_t queries,
                   in_t keys, in_t values, in_t bias, out_t weights, out_t context, out_t told, int threads) {
    int64_t H = A * D, share = (n + threads - 1) / threads;
    PRAGMA(omp parallel for schedule(static, 1) if (n * S * H > ENOUGH) num_threads(threads))
    for (int64_t part = 0; part < threads; part++) {
        int64_t end = (part + 1) * share < n ? (part + 1) * share : n;
        float *restrict w = weights + part * T;
        for (int64_t r = part * share; r < end; r++) {
            int64_t b = r / K;
            in_t real = bias + b * T;
            if (told) memset(told + r * T, 0, T * sizeof(float));
            for (int64_t h = 0; h < A; h++) {
                in_t q = queries + r * H + h * D;
                for (int64_t t = 0; t < T; t += TILE) {
                    in_t k = keys + (b * A + h) * T * D + t * D;
                    tile_t sums = {0};
                    for (int64_t d = 0; d < D; d++) sums += q[d] * AT(k + d * TILE);
                    sums *= scale;
                    sums += AT(real + t);
                    memcpy(w + t, &sums, sizeof sums);
                }
                softmax(T, w);
                mean(S, D, w, values + b * S * H + h * D, 0, H, context + r * H + h * D);
                if (told)
                    SIMD
                    for (int64_t t = 0; t < T; t++) told[r * T + t] += w[t] / A;
            }
        }
    }
}

// Queries (n, A), K of them a sentence, look at S positions: keys (n / K, S, A), values (n / K, S, H), bias (n / K, S)
// minus infinity at what is no position. The mean weights of the heads go to told (n, S).
void attend_dots(int64_t n, int64_t K, int64_t S, int64_t A, int64_t H, int64_t heads, in_t queries, in_t keys,
                 in_t values, in_t bias, out_t weights, out_t context, out_t told, int threads) {
    int64_t d = A / heads, D = H / heads, share = (n + threads - 1) / threads;
    PRAGMA(omp parallel for schedule(static, 1) if (n * S * (A + H) > ENOUGH) num_threads(threads))
    for (int64_t part = 0; part < threads; part++) {
        int64_t end = (part + 1) * share < n ? (part + 1) * share : n;
        float *restrict w = weights + part * (S + TILE);
        for (int64_t r = part * share; r < end; r++) {
            int64_t b = r / K;
            memset(told + r * S, 0, S * sizeof(float));
            for (int64_t h = 0; h < heads; h++) {
                for (int64_t s = 0; s < S; s++) {
                    in_t q = queries + r * A + h * d, k = keys + (b * S + s) * A + h * d;
                    w[s] = bias[b * S + s] < 0 ? -INFINITY : dot(d, q, k);
                }
                softmax(S, w);
                mean(S, D, w, values + b * S * H + h * D, 0, H, context + r * H + h * D);
                SIMD
                for (int64_t s = 0; s < S; s++) told[r * S + s] += w[s] / heads;
            }
        }
    }
}
