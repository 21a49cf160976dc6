// Element-wise work of a training step in one pass over each row. Compiled where there is a C compiler
// (native.py); what each function computes stands in torch beside its caller, and tests hold the two together.
//
// Matrices are given by pointer and, where it may differ from their
// width, by row stride, in numbers of floats. Loops are written so that a compiler makes
// vector code of them: no calls, no branches but selections.

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float *restrict out_t;
typedef const float *restrict in_t;

#define ENOUGH 16384 // numbers of work that are worth a second thread
#define PRAGMA(x) _Pragma(#x)
#define SIMD _Pragma("omp simd")
#define ROWS(work) PRAGMA(omp parallel for schedule(static) if ((work) > ENOUGH) num_threads(threads))

// exp by Cody and Waite's reduction and the polynomial of the Cephes library; relative error about 1e-7.
static inline float exp_(float x) {
    x = x > 88.0f ? 88.0f : x;
    x = x < -87.0f ? -87.0f : x;
    float k = floorf(x * 1.44269504f + 0.5f);
    float r = x - k * 0.693359375f + k * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union { int32_t i; float f; } scale = {((int32_t)k + 127) << 23};
    return p * scale.f;
}

static inline float sigmoid(float x) { return 1.0f / (1.0f + exp_(-x)); }

static inline float tanh_(float x) {
    float size = fabsf(x), square = x * x;
    float far = 1.0f - 2.0f / (exp_(2.0f * size) + 1.0f);
    float near = -5.70498872745e-3f; // where the difference above would lose digits
    near = near * square + 2.06390887954e-2f;
    near = near * square - 5.37397155531e-2f;
    near = near * square + 1.33314422036e-1f;
    near = near * square - 3.33332819422e-1f;
    near = near * square * x + x;
    return size < 0.625f ? near : x < 0 ? -far : far;
}

void gru_forward(int64_t n, int64_t H, in_t input, int64_t input_row, in_t hidden, int64_t hidden_row, in_t last,
                 int64_t last_row, out_t next, int64_t next_row, out_t rz, out_t candidate, int threads) {
    ROWS(n * 8 * H)
    for (int64_t b = 0; b < n; b++) {
        in_t x = input + b * input_row, u = hidden + b * hidden_row, h = last + b * last_row;
        out_t y = next + b * next_row, gates = rz + b * 2 * H, c = candidate + b * H;
        SIMD
        for (int64_t j = 0; j < 2 * H; j++) gates[j] = sigmoid(x[j] + u[j]);
        SIMD
        for (int64_t j = 0; j < H; j++) {
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
        for (int64_t j = 0; j < 2 * H; j++) gates[j] = sigmoid(x[j] + u[j]);
        SIMD
        for (int64_t j = 0; j < H; j++) {
            g[j] = tanh_(x[2 * H + j] + u[2 * H + j]);
            out[j] = sigmoid(x[3 * H + j] + u[3 * H + j]);
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

// scores (n * heads, S): v . tanh(key + query), each head over its share of A.
void additive_forward(int64_t n, int64_t S, int64_t A, int64_t heads, in_t keys, in_t query, in_t v, out_t scores,
                      int threads) {
    int64_t width = A / heads;
    ROWS(n * 8 * S * A)
    for (int64_t b = 0; b < n; b++)
        for (int64_t s = 0; s < S; s++)
            for (int64_t h = 0; h < heads; h++) {
                in_t k = keys + (b * S + s) * A + h * width, q = query + b * A + h * width, w = v + h * width;
                float sum = 0;
                PRAGMA(omp simd reduction(+ : sum))
                for (int64_t j = 0; j < width; j++) sum += w[j] * tanh_(k[j] + q[j]);
                scores[(b * heads + h) * S + s] = sum;
            }
}

// With e = tanh(key + query) and g the gradient of a score: grad_keys += g (1 - e²) and grad_query = v * its sum over
// S; grad_v (threads, A) += g e, a row a thread. v as a factor of grad_keys is left to the end.
void additive_backward(int64_t n, int64_t S, int64_t A, int64_t heads, in_t keys, in_t query, in_t v, in_t grad,
                       out_t grad_keys, out_t grad_query, out_t grad_v, int threads) {
    int64_t width = A / heads, share = (n + threads - 1) / threads;
    PRAGMA(omp parallel for schedule(static, 1) if (n * S * A > ENOUGH) num_threads(threads))
    for (int64_t part = 0; part < threads; part++) {
        int64_t end = (part + 1) * share < n ? (part + 1) * share : n;
        out_t to_v = grad_v + part * A;
        for (int64_t b = part * share; b < end; b++) {
            in_t q = query + b * A;
            out_t to_q = grad_query + b * A;
            memset(to_q, 0, A * sizeof(float));
            for (int64_t s = 0; s < S; s++)
                for (int64_t h = 0; h < heads; h++) {
                    float g = grad[(b * heads + h) * S + s];
                    in_t k = keys + (b * S + s) * A;
                    out_t to_k = grad_keys + (b * S + s) * A;
                    SIMD
                    for (int64_t j = h * width; j < (h + 1) * width; j++) {
                        float e = tanh_(k[j] + q[j]), slope = g * (1.0f - e * e);
                        to_k[j] += slope;
                        to_q[j] += slope;
                        to_v[j] += g * e;
                    }
                }
            SIMD
            for (int64_t j = 0; j < A; j++) to_q[j] *= v[j];
        }
    }
}
