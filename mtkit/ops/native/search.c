// What search does with every row of logits. The torch forms (../reference/logits.py) are the references.

#include "functions.h"

#define BLOCK 64 // numbers looked at together

// The logarithm of the sum of exponentials of each row.
void log_sums(int64_t n, int64_t V, in_t logits, out_t sums, int threads) {
    ROWS(n * V)
    for (int64_t b = 0; b < n; b++) {
        in_t x = logits + b * V;
        float top = -INFINITY, sum = 0;
        PRAGMA(omp simd reduction(max : top))
        for (int64_t j = 0; j < V; j++) top = x[j] > top ? x[j] : top;
        PRAGMA(omp simd reduction(+ : sum))
        for (int64_t j = 0; j < V; j++) sum += exp_(x[j] - top);
        sums[b] = top + logf(sum);
    }
}

// The M best of each sentence's K rows of logits (B, K, V), each row with what is added to it (minus infinity: not a
// row), best first, of equals the first; place k * V + piece. Where there are fewer: minus infinity at place 0.
void best_pieces(int64_t B, int64_t K, int64_t V, int64_t M, in_t logits, in_t added, out_t best,
                int64_t *restrict places, int threads) {
    ROWS(B * K * V)
    for (int64_t b = 0; b < B; b++) {
        out_t values = best + b * M;
        int64_t *restrict at = places + b * M;
        for (int64_t i = 0; i < M; i++) values[i] = -INFINITY, at[i] = 0;
        for (int64_t k = 0; k < K; k++) {
            float more = added[b * K + k];
            if (more == -INFINITY) continue;
            in_t x = logits + (b * K + k) * V;
            for (int64_t start = 0; start < V; start += BLOCK) {
                int64_t end = start + BLOCK < V ? start + BLOCK : V;
                float least = values[M - 1], top = -INFINITY;
                PRAGMA(omp simd reduction(max : top))
                for (int64_t j = start; j < end; j++) top = x[j] > top ? x[j] : top;
                if (!(top + more > least)) continue;
                for (int64_t j = start; j < end; j++) {
                    float y = x[j] + more;
                    if (!(y > values[M - 1])) continue;
                    int64_t i = M - 1;
                    for (; i > 0 && values[i - 1] < y; i--) values[i] = values[i - 1], at[i] = at[i - 1];
                    values[i] = y;
                    at[i] = k * V + j;
                }
            }
        }
    }
}

// The logits (B, K, V) of R sentences, at places, become those of mixtures with what their M keys (R, M, E) tell: U
// pieces, spread (R, M, U). Room: away (R, K, M) and told (R, K, U).
void mix_told(int64_t B, int64_t K, int64_t V, int64_t R, int64_t M, int64_t U, int64_t E, int64_t power,
              float temperature, float reach, float most, out_t logits, in_t states, const int64_t *restrict places,
              in_t keys, in_t squares, in_t far, const int64_t *restrict pieces, in_t spread, out_t away, out_t told,
              int threads) {
    ROWS(R * K * (M * (E + U) + V))
    for (int64_t n = 0; n < R * K; n++) {
        int64_t r = n / K, row = places[r] * K + n % K;
        if (row < 0 || row >= B * K) continue; // nothing but logits is written, whatever the places are
        float *restrict x = logits + row * V, *restrict d = away + n * M, *restrict q = told + n * U;
        in_t s = states + row * E;
        float square = 0, nearest = INFINITY;
        PRAGMA(omp simd reduction(+ : square))
        for (int64_t e = 0; e < E; e++) square += s[e] * s[e];
        for (int64_t m = r * M; m < (r + 1) * M; m++) {
            in_t key = keys + m * E;
            float product = 0;
            PRAGMA(omp simd reduction(+ : product))
            for (int64_t e = 0; e < E; e++) product += s[e] * key[e];
            float apart = 1 - 2 * product / (square + squares[m]);
            apart = (apart > 0 ? apart : 0) + far[m];
            nearest = apart < nearest ? apart : nearest;
            d[m - r * M] = apart;
        }
        float left = 1 - nearest / reach, weight = most, shares = 0, top = -INFINITY, sum = 0;
        if (!(left > 0)) continue; // no key is near enough to say anything
        for (int64_t i = 0; i < power; i++) weight *= left;
        memset(q, 0, U * sizeof(float));
        for (int64_t m = 0; m < M; m++) {
            float share = exp_((nearest - d[m]) / temperature);
            in_t value = spread + (r * M + m) * U;
            shares += share;
            SIMD
            for (int64_t u = 0; u < U; u++) q[u] += share * value[u];
        }
        PRAGMA(omp simd reduction(max : top))
        for (int64_t j = 0; j < V; j++) top = x[j] > top ? x[j] : top;
        PRAGMA(omp simd reduction(+ : sum))
        for (int64_t j = 0; j < V; j++) sum += exp_(x[j] - top);
        float odds = weight / (1 - weight) / shares, log_sum = top + logf(sum);
        for (int64_t u = 0; u < U; u++) {
            if (!(q[u] > 0)) continue; // room that no value takes
            float *piece = x + pieces[r * U + u], gain = logf(q[u] * odds) - (*piece - log_sum);
            *piece += gain > 0 ? gain + log1pf(expf(-gain)) : log1pf(expf(gain));
        }
    }
}
