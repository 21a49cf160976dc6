// What products on matrix tiles share, whatever their numbers.

#include <immintrin.h>
#include <stdint.h>

// Compilers do not see that tile loads read memory: what was written before must be there.
#define WRITTEN __asm__ volatile("" ::: "memory");

#ifdef __AMX_TILE__
static void configure(void) {
    struct { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = 64;
        config.rows[i] = 16;
    }
    WRITTEN
    _tile_loadconfig(&config);
}

static void release(void) { _tile_release(); }
#else
static void configure(void) {}
static void release(void) {}
#endif

// Where a thread's share of tiles begins, in pairs.
static int64_t share(int64_t tiles, int64_t part, int64_t threads) {
    int64_t begin = 2 * ((tiles + 1) / 2 * part / threads);
    return begin < tiles ? begin : tiles;
}
