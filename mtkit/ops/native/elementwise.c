// Element-wise work of a training step in one pass over each row. Compiled where there is a C compiler
// (compiler.py); what each function computes stands in torch in ../reference, and tests hold the two together.
//
// Matrices are given by pointer and, where it may differ from their width, by row stride, in numbers of floats; what a
// function takes stands in prototypes.py, too, by which every call is checked. Loops are written so that a compiler makes
// vector code of them: no calls, no branches but selections.

#include "functions.h"

void gru_forward(int64_t n, int64_t H, in_t input, int64_t input_row, in_t hidden, int64_t hidden_row, in_t last,
                 int64_t last_row, out_t next, int64_t next_row, out_t rz, out_t candidate, int threads) {
    ROWS(n * 8 * H)
    for (int64_t b = 0; b < n; b++) {
        in_t x = input + b * input_row, u = hidden + b * hidden_row, h = last + b * last_row;
        out_t y = next + b * next_row, gates = rz + b * 2 * H, c = candidate + b * H;
        SIMD
        for (int64_t j = 0; j < H; j++) {
            sigmoid_pair(x[j] + u[j], x[H + j] + u[H + j], gates + j, gates + H + j);
            c[j] = tanh_(x[2 * H + j] + gates[j] * u[2 * H + j]);
            y[j] = c[j] + gates[H + j] * (h[j] - c[j]);
        }
    }
}

void gru_backward(int64_t n, int64_t H, in_t grad, int64_t grad_row, in_t last, int64_t last_row, in_t rz,
                  in_t candidate, in_t hidden_n, int64_t hidden_row, out_t to_input, int64_t input_row,
                  out_t to_hidden, int64_t to_hidden_row, out_t to_last, int threads) {
    ROWS(n * 4 * H)
    for (int64_t b = 0; b < n; b++) {
        in_t g = grad + b * grad_row, h = last + b * last_row, r = rz + b * 2 * H, z = r + H;
        in_t c = candidate + b * H, u = hidden_n + b * hidden_row;
        out_t gi = to_input + b * input_row, gh = to_hidden + b * to_hidden_row, past = to_last + b * H;
        SIMD
        for (int64_t j = 0; j < H; j++) {
            float keep = g[j] * z[j];
            float gc = (g[j] - keep) * (1.0f - c[j] * c[j]);
            float gr = gc * u[j] * r[j] * (1.0f - r[j]);
            float gz = g[j] * (h[j] - c[j]) * z[j] * (1.0f - z[j]);
            past[j] = keep;
            gi[j] = gh[j] = gr;
            gi[H + j] = gh[H + j] = gz;
            gi[2 * H + j] = gc;
            gh[2 * H + j] = gc * r[j];
        }
    }
}

void lstm_forward(int64_t n, int64_t H, in_t input, int64_t input_row, in_t hidden, int64_t hidden_row, in_t last,
                  int64_t last_row, out_t i_f, out_t candidate, out_t o, out_t next, int threads) {
    ROWS(n * 8 * H)
    for (int64_t b = 0; b < n; b++) {
        in_t x = input + b * input_row, u = hidden + b * hidden_row, c = last + b * last_row;
        out_t gates = i_f + b * 2 * H, g = candidate + b * H, out = o + b * H, y = next + b * H;
        SIMD
        for (int64_t j = 0; j < H; j++) {
            float twice; // sigmoid(x) = (1 + tanh(x / 2)) / 2
            sigmoid_pair(x[j] + u[j], x[H + j] + u[H + j], gates + j, gates + H + j);
            tanh_pair(x[2 * H + j] + u[2 * H + j], 0.5f * (x[3 * H + j] + u[3 * H + j]), g + j, &twice);
            out[j] = 0.5f + 0.5f * twice;
            y[j] = gates[H + j] * c[j] + gates[j] * g[j];
        }
    }
}

void lstm_backward(int64_t n, int64_t H, in_t grad_c, in_t grad_o, in_t i_f, in_t candidate, in_t o, in_t last,
                   int64_t last_row, out_t gates, int64_t gates_row, out_t to_last, int threads) {
    ROWS(n * 4 * H)
    for (int64_t b = 0; b < n; b++) {
        in_t gc = grad_c + b * H, go = grad_o + b * H, i = i_f + b * 2 * H, f = i + H, g = candidate + b * H;
        in_t out = o + b * H, c = last + b * last_row;
        out_t to = gates + b * gates_row, past = to_last + b * H;
        SIMD
        for (int64_t j = 0; j < H; j++) {
            to[j] = gc[j] * g[j] * i[j] * (1.0f - i[j]);
            to[H + j] = gc[j] * c[j] * f[j] * (1.0f - f[j]);
            to[2 * H + j] = gc[j] * i[j] * (1.0f - g[j] * g[j]);
            to[3 * H + j] = go[j] * out[j] * (1.0f - out[j]);
            past[j] = gc[j] * f[j];
        }
    }
}

// Each stretch of H numbers of a row brought to mean 0 and variance 1 (unit), then unit * gain + shift.
void norm_forward(int64_t n, int64_t G, int64_t H, in_t x, int64_t x_row, in_t gain, in_t shift, out_t unit,
                  out_t rstd, out_t y, int threads) {
    ROWS(n * 2 * G)
    for (int64_t b = 0; b < n; b++)
        for (int64_t start = 0; start < G; start += H) {
            in_t from = x + b * x_row + start;
            out_t to = unit + b * G + start, scaled = y + b * G + start;
            float sum = 0, squares = 0;
            PRAGMA(omp simd reduction(+ : sum))
            for (int64_t j = 0; j < H; j++) sum += from[j];
            float mean = sum / H;
            PRAGMA(omp simd reduction(+ : squares))
            for (int64_t j = 0; j < H; j++) squares += (from[j] - mean) * (from[j] - mean);
            float one = 1.0f / sqrtf(squares / H + 1e-5f);
            rstd[b * (G / H) + start / H] = one;
            if (shift)
                SIMD
                for (int64_t j = 0; j < H; j++) {
                    to[j] = (from[j] - mean) * one;
                    scaled[j] = to[j] * gain[start + j] + shift[start + j];
                }
            else
                SIMD
                for (int64_t j = 0; j < H; j++) {
                    to[j] = (from[j] - mean) * one;
                    scaled[j] = to[j] * gain[start + j];
                }
        }
}

// grad of unit * gain -> of x; that of the gain is added to grad_gain, and grad itself to grad_shift if given.
void norm_backward(int64_t n, int64_t G, int64_t H, in_t grad, in_t unit, in_t rstd, in_t gain, out_t grad_gain,
                   out_t grad_shift, out_t to, int64_t to_row, int threads) {
    PRAGMA(omp parallel for schedule(static) if (n * G > ENOUGH) num_threads(threads))
    for (int64_t start = 0; start < G; start += H) // a stretch a thread, so that sums need no second pass
        for (int64_t b = 0; b < n; b++) {
            in_t g = grad + b * G + start, u = unit + b * G + start, k = gain + start;
            out_t y = to + b * to_row + start, into = grad_gain + start;
            float sum = 0, along = 0;
            PRAGMA(omp simd reduction(+ : sum, along))
            for (int64_t j = 0; j < H; j++) {
                sum += g[j] * k[j];
                along += g[j] * k[j] * u[j];
            }
            float one = rstd[b * (G / H) + start / H], mean = sum / H, slope = along / H;
            SIMD
            for (int64_t j = 0; j < H; j++) {
                y[j] = (g[j] * k[j] - mean - u[j] * slope) * one;
                into[j] += g[j] * u[j];
            }
            if (grad_shift)
                SIMD
                for (int64_t j = 0; j < H; j++) grad_shift[start + j] += g[j];
        }
}

// scores (n * heads, S): v . tanh(key + query), each head over its share of A, for `queries` rows a sentence.
// Where bias (n / queries, S) is minus infinity there is nothing to score.
void additive_forward(int64_t n, int64_t S, int64_t A, int64_t heads, int64_t queries, in_t keys, in_t query, in_t v,
                      in_t bias, out_t scores, int threads) {
    int64_t width = A / heads, half = width / 2;
    ROWS(n * 8 * S * A)
    for (int64_t b = 0; b < n; b++)
        for (int64_t s = 0; s < S; s++)
            for (int64_t h = 0; h < heads && bias[b / queries * S + s] == 0; h++) {
                in_t k = keys + (b / queries * S + s) * A + h * width, q = query + b * A + h * width, w = v + h * width;
                int64_t last = width - 1;
                float sum = width % 2 ? w[last] * tanh_(k[last] + q[last]) : 0;
                PRAGMA(omp simd reduction(+ : sum))
                for (int64_t j = 0; j < half; j++) {
                    float e, f;
                    tanh_pair(k[j] + q[j], k[half + j] + q[half + j], &e, &f);
                    sum += w[j] * e + w[half + j] * f;
                }
                scores[(b * heads + h) * S + s] = sum;
            }
}

// With e = tanh(key + query) and g the gradient of a score: grad_keys += g (1 - e²) and grad_query = v * its sum over
// S; grad_v (threads, A) += g e, a row a thread. v as a factor of grad_keys is left to the end.
void additive_backward(int64_t n, int64_t S, int64_t A, int64_t heads, in_t keys, in_t query, in_t v, in_t grad,
                       out_t grad_keys, out_t grad_query, out_t grad_v, int threads) {
    int64_t width = A / heads, half = width / 2, share = (n + threads - 1) / threads;
    PRAGMA(omp parallel for schedule(static, 1) if (n * S * A > ENOUGH) num_threads(threads))
    for (int64_t part = 0; part < threads; part++) {
        int64_t end = (part + 1) * share < n ? (part + 1) * share : n;
        for (int64_t b = part * share; b < end; b++) {
            memset(grad_query + b * A, 0, A * sizeof(float));
            for (int64_t s = 0; s < S; s++)
                for (int64_t h = 0; h < heads; h++) {
                    float g = grad[(b * heads + h) * S + s];
                    if (g == 0) continue; // padding, at least
                    in_t k = keys + (b * S + s) * A + h * width, q = query + b * A + h * width;
                    out_t to_k = grad_keys + (b * S + s) * A + h * width, to_q = grad_query + b * A + h * width;
                    out_t to_v = grad_v + part * A + h * width;
                    for (int64_t j = width - width % 2; j < width; j++) {
                        float e = tanh_(k[j] + q[j]), slope = g * (1.0f - e * e);
                        to_k[j] += slope;
                        to_q[j] += slope;
                        to_v[j] += g * e;
                    }
                    SIMD
                    for (int64_t j = 0; j < half; j++) {
                        float e, f;
                        tanh_pair(k[j] + q[j], k[half + j] + q[half + j], &e, &f);
                        float slope = g * (1.0f - e * e), other = g * (1.0f - f * f);
                        to_k[j] += slope;
                        to_q[j] += slope;
                        to_v[j] += g * e;
                        to_k[half + j] += other;
                        to_q[half + j] += other;
                        to_v[half + j] += g * f;
                    }
                }
            SIMD
            for (int64_t j = 0; j < A; j++) grad_query[b * A + j] *= v[j];
        }
    }
}

// Rows of logits, bias to be added -> the loss of each row's piece under smoothed targets and, in their place, its
// gradient; grad_bias (threads, V), a row a thread, takes the sum over rows. Without grad_bias no gradient is made.
void softmax_loss(int64_t n, int64_t V, float smoothing, out_t logits, in_t bias,
                  const int64_t *restrict pieces, out_t losses, out_t grad_bias, int threads) {
    int64_t share = (n + threads - 1) / threads;
    float even = smoothing / V;
    PRAGMA(omp parallel for schedule(static, 1) if (n * V > ENOUGH) num_threads(threads))
    for (int64_t part = 0; part < threads; part++) {
        int64_t end = (part + 1) * share < n ? (part + 1) * share : n;
        for (int64_t b = part * share; b < end; b++) {
            out_t x = logits + b * V;
            if (pieces[b] < 0 || pieces[b] >= V) { // no such piece: not a number, so that it is noticed
                losses[b] = x[0] = NAN;
                continue;
            }
            float top = -INFINITY, all = 0, sum = 0, wanted = x[pieces[b]] + bias[pieces[b]];
            PRAGMA(omp simd reduction(max : top) reduction(+ : all))
            for (int64_t j = 0; j < V; j++) {
                float y = x[j] += bias[j];
                top = y > top ? y : top;
                all += y;
            }
            PRAGMA(omp simd reduction(+ : sum))
            for (int64_t j = 0; j < V; j++) {
                x[j] = exp_(x[j] - top);
                sum += x[j];
            }
            losses[b] = logf(sum) + top - (1 - smoothing) * wanted - even * all;
            if (!grad_bias) continue;
            float scale = 1 / sum;
            out_t to_bias = grad_bias + part * V;
            x[pieces[b]] -= (1 - smoothing) * sum;
            SIMD
            for (int64_t j = 0; j < V; j++) {
                x[j] = x[j] * scale - even;
                to_bias[j] += x[j];
            }
        }
    }
}

// Two passes p and q over n pieces, in rows 2i and 2i + 1 of logits, bias to be added -> the weighted sum of the losses
// of both and of KL(p || q) and KL(q || p) and, in place of the logits, its gradient. `shares` has two rows a thread.
void twice_loss(int64_t n, int64_t V, float smoothing, float loss_p, float loss_q, float kl_pq, float kl_qp,
                out_t logits, in_t bias, const int64_t *restrict pieces, out_t losses, out_t shares, out_t grad_bias,
                int threads) {
    int64_t share = (n + threads - 1) / threads;
    float even = smoothing / V;
    PRAGMA(omp parallel for schedule(static, 1) if (n * V > ENOUGH) num_threads(threads))
    for (int64_t part = 0; part < threads; part++) {
        out_t p = shares + 2 * part * V, q = p + V, to_bias = grad_bias ? grad_bias + part * V : 0;
        int64_t end = (part + 1) * share < n ? (part + 1) * share : n;
        for (int64_t i = part * share; i < end; i++) {
            out_t x = logits + 2 * i * V, y = x + V;
            int64_t piece = pieces[2 * i];
            if (piece < 0 || piece >= V) { // no such piece: not a number, so that it is noticed
                losses[i] = x[0] = y[0] = NAN;
                continue;
            }
            float top_p = -INFINITY, top_q = -INFINITY, all_p = 0, all_q = 0;
            PRAGMA(omp simd reduction(max : top_p, top_q) reduction(+ : all_p, all_q))
            for (int64_t j = 0; j < V; j++) {
                float a = x[j] += bias[j], b = y[j] += bias[j];
                top_p = a > top_p ? a : top_p;
                top_q = b > top_q ? b : top_q;
                all_p += a;
                all_q += b;
            }
            float sum_p = 0, sum_q = 0, gap_p = 0, gap_q = 0;
            PRAGMA(omp simd reduction(+ : sum_p, sum_q, gap_p, gap_q))
            for (int64_t j = 0; j < V; j++) {
                float gap = x[j] - y[j];
                p[j] = exp_(x[j] - top_p);
                q[j] = exp_(y[j] - top_q);
                sum_p += p[j];
                sum_q += q[j];
                gap_p += p[j] * gap;
                gap_q += q[j] * gap;
            }
            float log_p = logf(sum_p) + top_p, log_q = logf(sum_q) + top_q;
            gap_p /= sum_p; // of the logits, on the average: log p - log q is the gap less that of their sums
            gap_q /= sum_q;
            losses[i] = loss_p * (log_p - (1 - smoothing) * x[piece] - even * all_p)
                      + loss_q * (log_q - (1 - smoothing) * y[piece] - even * all_q)
                      + kl_pq * (gap_p - (log_p - log_q)) + kl_qp * ((log_p - log_q) - gap_q);
            if (!grad_bias) continue;
            float over_p = 1 / sum_p, over_q = 1 / sum_q;
            SIMD
            for (int64_t j = 0; j < V; j++) {
                float a = p[j] * over_p, b = q[j] * over_q, gap = x[j] - y[j];
                x[j] = loss_p * (a - even) + kl_pq * a * (gap - gap_p) + kl_qp * (a - b);
                y[j] = loss_q * (b - even) + kl_qp * b * (gap_q - gap) + kl_pq * (b - a);
                to_bias[j] += x[j] + y[j];
            }
            x[piece] -= loss_p * (1 - smoothing);
            y[piece] -= loss_q * (1 - smoothing);
            to_bias[piece] -= (loss_p + loss_q) * (1 - smoothing);
        }
    }
}

// Scores (R, S) of `heads` rows a query and `queries` of them a sentence, each sentence with its bias (minus infinity:
// not a position) -> their softmax, in their place, and the sum of values weighted by it. Those of sentence b, head h
// and position s begin at b * of_sentence + h * of_head + s * of_position.
void attend_forward(int64_t R, int64_t S, int64_t d, int64_t heads, int64_t queries, int64_t of_sentence,
                    int64_t of_head, out_t scores, in_t bias, in_t values, int64_t of_position, out_t context,
                    int64_t context_row, int threads) {
    ROWS(R * S * d)
    for (int64_t r = 0; r < R; r++) {
        int64_t q = r / heads, h = r % heads, b = q / queries;
        out_t w = scores + r * S, y = context + q * context_row + h * d;
        in_t real = bias + b * S, first = values + b * of_sentence + h * of_head;
        float top = -INFINITY, sum = 0;
        for (int64_t s = 0; s < S; s++)
            if (real[s] == 0) top = w[s] > top ? w[s] : top;
        for (int64_t s = 0; s < S; s++) sum += w[s] = real[s] < 0 ? 0 : exp_(w[s] - top);
        memset(y, 0, d * sizeof(float));
        for (int64_t s = 0; s < S; s++) {
            float share = w[s] /= sum;
            in_t v = first + s * of_position;
            if (share == 0) continue;
            SIMD
            for (int64_t j = 0; j < d; j++) y[j] += share * v[j];
        }
    }
}

// The gradient of the context (R, d) -> of the scores.
void attend_backward(int64_t R, int64_t S, int64_t d, in_t grad, in_t values, in_t weights, out_t to_scores,
                     int threads) {
    ROWS(R * S * d)
    for (int64_t r = 0; r < R; r++) {
        in_t w = weights + r * S, g = grad + r * d;
        out_t y = to_scores + r * S;
        float mean = 0;
        for (int64_t s = 0; s < S; s++) {
            in_t v = values + (r * S + s) * d;
            float along = 0;
            y[s] = 0;
            if (w[s] == 0) continue;
            PRAGMA(omp simd reduction(+ : along))
            for (int64_t j = 0; j < d; j++) along += g[j] * v[j];
            y[s] = along;
            mean += w[s] * along;
        }
        for (int64_t s = 0; s < S; s++) y[s] = w[s] * (y[s] - mean);
    }
}

// Number i of a mask: 0 for a share of `dropped` in 2^16, `kept` for the rest, by a hash of i and of both keys (the
// finaliser of MurmurHash3, Appleby 2011).
void fill_mask(int64_t count, int64_t low_key, int64_t high_key, int64_t dropped, float kept, out_t mask, int threads) {
    uint32_t low = low_key, high = high_key, limit = (uint32_t)dropped << 16;
    PRAGMA(omp parallel for simd schedule(static) if (parallel : count > ENOUGH) num_threads(threads))
    for (int64_t i = 0; i < count; i++) {
        uint32_t h = (uint32_t)i * 0x9E3779B1u + low;
        h = (h ^ h >> 16) * 0x85EBCA6Bu ^ high;
        h = (h ^ h >> 13) * 0xC2B2AE35u;
        mask[i] = (h ^ h >> 16) < limit ? 0.0f : kept;
    }
}
