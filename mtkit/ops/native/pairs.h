// Sums in fp32 of products of bf16 numbers, two at a time, by what the processor has for it. A form brings
//
//     FORM                             its number (units.py), 0 for none
//     LANES                            columns of a vector of sums
//     STRIP, TILES                     rows and tiles of 16 columns at once, whose sums stay in registers
//     load, store, weights, spread, dot: of a vector; as in dots.h

#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;

static inline uint32_t pair(const bf16 *from) {
    uint32_t read;
    memcpy(&read, from, sizeof read);
    return read;
}

#if defined(__AVX512BW__)
#include <immintrin.h>
#define LANES 16
#define STRIP 8
#define TILES 2
typedef __m512 sums_t;
static inline sums_t load(const float *from) { return _mm512_loadu_ps(from); }
static inline void store(float *to, sums_t sums) { _mm512_storeu_ps(to, sums); }
#ifdef __AVX512BF16__
#define FORM 3
typedef __m512bh pairs_t;
static inline pairs_t weights(const bf16 *from) { return (pairs_t)_mm512_loadu_si512(from); }
static inline pairs_t spread(const bf16 *from) { return (pairs_t)_mm512_set1_epi32(pair(from)); }
static inline sums_t dot(sums_t sums, pairs_t x, pairs_t w) { return _mm512_dpbf16_ps(sums, w, x); }
#else
#define FORM 2
typedef struct { sums_t first, second; } pairs_t; // a number of fp32 begins with its bf16
static inline pairs_t wide(__m512i pairs) {
    __m512i high = _mm512_and_si512(pairs, _mm512_set1_epi32(0xFFFF0000));
    return (pairs_t){_mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)), _mm512_castsi512_ps(high)};
}
static inline pairs_t weights(const bf16 *from) { return wide(_mm512_loadu_si512(from)); }
static inline pairs_t spread(const bf16 *from) { return wide(_mm512_set1_epi32(pair(from))); }
static inline sums_t dot(sums_t sums, pairs_t x, pairs_t w) {
    return _mm512_fmadd_ps(x.first, w.first, _mm512_fmadd_ps(x.second, w.second, sums));
}
#endif

#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define FORM 1
#define LANES 8
#define STRIP 4
#define TILES 1
typedef __m256 sums_t;
typedef struct { sums_t first, second; } pairs_t;
static inline sums_t load(const float *from) { return _mm256_loadu_ps(from); }
static inline void store(float *to, sums_t sums) { _mm256_storeu_ps(to, sums); }
static inline pairs_t wide(__m256i pairs) {
    __m256i high = _mm256_and_si256(pairs, _mm256_set1_epi32(0xFFFF0000));
    return (pairs_t){_mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)), _mm256_castsi256_ps(high)};
}
static inline pairs_t weights(const bf16 *from) { return wide(_mm256_loadu_si256((const __m256i *)from)); }
static inline pairs_t spread(const bf16 *from) { return wide(_mm256_set1_epi32(pair(from))); }
static inline sums_t dot(sums_t sums, pairs_t x, pairs_t w) {
    return _mm256_fmadd_ps(x.first, w.first, _mm256_fmadd_ps(x.second, w.second, sums));
}

#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#include <arm_neon.h>
#define FORM 5
#define LANES 4
#define STRIP 4
#define TILES 1
typedef float32x4_t sums_t;
typedef bfloat16x8_t pairs_t;
static inline sums_t load(const float *from) { return vld1q_f32(from); }
static inline void store(float *to, sums_t sums) { vst1q_f32(to, sums); }
static inline pairs_t weights(const bf16 *from) { return vreinterpretq_bf16_u16(vld1q_u16(from)); }
static inline pairs_t spread(const bf16 *from) { return vreinterpretq_bf16_u32(vdupq_n_u32(pair(from))); }
static inline sums_t dot(sums_t sums, pairs_t x, pairs_t w) { return vbfdotq_f32(sums, w, x); }

#else
#define FORM 0
#endif
