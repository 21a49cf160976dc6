// What products on matrix tiles share, whatever their numbers.

#include <stdint.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

// Compilers do not see that tile loads read memory: what was written before must be there.
#define WRITTEN __asm__ volatile("" ::: "memory");

#ifdef __AMX_TILE__
#include <sys/syscall.h>
#include <unistd.h>

// Whether the kernel lets this process use tiles.
static inline int tiles_allowed(void) {
    static int known; // 0: not asked yet
    int found = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (!found) {
        found = syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0 ? 1 : -1;
        __atomic_store_n(&known, found, __ATOMIC_RELAXED);
    }
    return found > 0;
}

static inline void configure(void) {
    struct { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = 64;
        config.rows[i] = 16;
    }
    WRITTEN
    _tile_loadconfig(&config);
}

static inline void release(void) { _tile_release(); }
#else
static inline int tiles_allowed(void) { return 0; }
static inline void configure(void) {}
static inline void release(void) {}
#endif

// Where a thread's share of tiles begins, in pairs.
static inline int64_t share(int64_t tiles, int64_t part, int64_t threads) {
    int64_t begin = 2 * ((tiles + 1) / 2 * part / threads);
    return begin < tiles ? begin : tiles;
}
