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
