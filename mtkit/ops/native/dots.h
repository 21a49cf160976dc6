// Sums of products of 8-bit numbers, four at a time, by what the processor has for it. Sums are whole numbers of 32 bits,
// so every form gives the same ones. A form brings
//
//     FORM         its number (units.py), 0 for none
//     code_t       what holds a number of a row on the left, and OFFSET, which is added to it there
//     ARRANGE(w)   how four weights lie
//     LANES        columns of a vector of sums
//     FEW, WIDE    for so many rows at most, so many panels of 16 columns at once;
//     MOST, NARROW and else: what sums, weights and one number spread out leave of the registers
//     load, store, weights, spread, dot: of a vector

static inline uint32_t word(const void *from) {
    uint32_t read;
    memcpy(&read, from, sizeof read);
    return read;
}

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
#include <immintrin.h>
#ifdef __AMX_INT8__
#define FORM 5
#else
#define FORM 4
#endif
// Unsigned on the left. What the offset is too much, a column's sum starts below zero (`quantised_pack`).
#define OFFSET 128
#define ARRANGE(w) (w)
#define LANES 16
#define FEW 4
#define WIDE 4
#define MOST 8
#define NARROW 2
typedef uint8_t code_t;
typedef __m512i sums_t, weights_t, spread_t;
static inline sums_t load(const void *from) { return _mm512_loadu_si512(from); }
static inline void store(int32_t *to, sums_t sums) { _mm512_storeu_si512(to, sums); }
static inline weights_t weights(const int8_t *from) { return _mm512_loadu_si512(from); }
static inline spread_t spread(const code_t *from) { return _mm512_set1_epi32(word(from)); }
static inline sums_t dot(sums_t sums, spread_t x, weights_t w) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(w)); // of the intrinsic gcc makes a copy beside each
    return sums;
}

#elif defined(__AVXVNNI__)
#include <immintrin.h>
#define FORM 3
#define OFFSET 128
#define ARRANGE(w) (w)
#define LANES 8
#define FEW 2
#define WIDE 2
#define MOST 4
#define NARROW 1
typedef uint8_t code_t;
typedef __m256i sums_t, weights_t, spread_t;
static inline sums_t load(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }
static inline void store(int32_t *to, sums_t sums) { _mm256_storeu_si256((__m256i *)to, sums); }
static inline weights_t weights(const int8_t *from) { return load(from); }
static inline spread_t spread(const code_t *from) { return _mm256_set1_epi32(word(from)); }
static inline sums_t dot(sums_t sums, spread_t x, weights_t w) {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(x), "x"(w));
    return sums;
}

#elif defined(__AVX2__)
// Pairs of 16 bits, since the sums of pairs of bytes that are not signed do not fit into 16. Widened are the bytes at even
// places and those at odd ones, by shifts; so the second and the third of four change places.
#include <immintrin.h>
#define OFFSET 0
#define ARRANGE(w) (((w) & 0xFF0000FF) | ((w) & 0xFF00) << 8 | ((w) >> 8 & 0xFF00))
typedef int16_t code_t;
#ifdef __AVX512BW__
#define FORM 2
#define LANES 16
#define FEW 4
#define WIDE 4
#define MOST 8
#define NARROW 2
typedef __m512i sums_t;
#define OF(name) _mm512_##name
static inline sums_t load(const void *from) { return _mm512_loadu_si512(from); }
static inline void store(int32_t *to, sums_t sums) { _mm512_storeu_si512(to, sums); }
#else
#define FORM 1
#define LANES 8
#define FEW 4
#define WIDE 1
#define MOST 4
#define NARROW 1
typedef __m256i sums_t;
#define OF(name) _mm256_##name
static inline sums_t load(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }
static inline void store(int32_t *to, sums_t sums) { _mm256_storeu_si256((__m256i *)to, sums); }
#endif
typedef struct { sums_t first, second; } weights_t, spread_t;
static inline weights_t weights(const int8_t *from) {
    sums_t bytes = load(from);
    return (weights_t){OF(srai_epi16)(OF(slli_epi16)(bytes, 8), 8), OF(srai_epi16)(bytes, 8)};
}
static inline spread_t spread(const code_t *from) {
    return (spread_t){OF(set1_epi32)(word(from)), OF(set1_epi32)(word(from + 2))};
}
static inline sums_t dot(sums_t sums, spread_t x, weights_t w) {
    sums_t four = OF(add_epi32)(OF(madd_epi16)(x.first, w.first), OF(madd_epi16)(x.second, w.second));
    return OF(add_epi32)(sums, four);
}

#elif defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#define FORM 6
#define OFFSET 0
#define ARRANGE(w) (w)
#define LANES 4
#define FEW 2
#define WIDE 2
#define MOST 4
#define NARROW 1
typedef int8_t code_t;
typedef int32x4_t sums_t;
typedef int8x16_t weights_t, spread_t;
static inline sums_t load(const void *from) { return vld1q_s32((const int32_t *)from); }
static inline void store(int32_t *to, sums_t sums) { vst1q_s32(to, sums); }
static inline weights_t weights(const int8_t *from) { return vld1q_s8(from); }
static inline spread_t spread(const code_t *from) { return vreinterpretq_s8_s32(vdupq_n_s32(word(from))); }
static inline sums_t dot(sums_t sums, spread_t x, weights_t w) { return vdotq_s32(sums, w, x); }

#else
#define FORM 0
#endif
