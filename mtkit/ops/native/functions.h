// What the C forms of this folder share: functions of a number without calls or branches, so that compilers make vector
// code of the loops around them.

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
    // Unsigned: of what is not a number k is any, and p makes the result none.
    union { uint32_t i; float f; } scale = {((uint32_t)(int32_t)k + 127) << 23};
    return p * scale.f;
}

// tanh as a quotient of polynomials, fitted to the least relative error on [-7.9, 7.9], beyond which it is 1 to within
// 3e-7, as it is everywhere. The division is the slow part, so that two share one where they can.
static inline float over(float x) {
    float y = x * x;
    return x * (1.0f + y * (0.13450628f + y * (3.5790014e-3f + y * (2.2023402e-5f + y * 1.5428199e-8f))));
}

static inline float under(float x) {
    float y = x * x;
    return 1.0f + y * (0.46783956f + y * (2.6192273e-2f + y * (3.4236660e-4f + y * 8.5988707e-7f)));
}

static inline float bounded(float x) { return x > 7.9f ? 7.9f : x < -7.9f ? -7.9f : x; }

static inline float tanh_(float x) {
    x = bounded(x);
    return over(x) / under(x);
}

static inline void tanh_pair(float x, float y, float *tanh_x, float *tanh_y) {
    x = bounded(x);
    y = bounded(y);
    float below_x = under(x), below_y = under(y), one = 1.0f / (below_x * below_y);
    *tanh_x = over(x) * below_y * one;
    *tanh_y = over(y) * below_x * one;
}

static inline void sigmoid_pair(float x, float y, float *sigmoid_x, float *sigmoid_y) {
    float a, b;
    tanh_pair(0.5f * x, 0.5f * y, &a, &b);
    *sigmoid_x = 0.5f + 0.5f * a;
    *sigmoid_y = 0.5f + 0.5f * b;
}
