// Matrix tiles in plain C, for a processor that has none: included before all else.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static _Thread_local union { int8_t i8[16][64]; uint16_t u16[16][32]; int32_t i32[16][16]; float f32[16][16]; } tile_at[8];
static void tile_load(int t, const void *from, long step) {
    for (int y = 0; y < 16; y++) memcpy(tile_at[t].i8[y], (const char *)from + y * step, 64);
}
static void tile_store(int t, void *to, long step) {
    for (int y = 0; y < 16; y++) memcpy((char *)to + y * step, tile_at[t].i8[y], 64);
}
static float tile_wide(uint16_t x) {
    union { uint32_t bits; float number; } made = {(uint32_t)x << 16};
    return made.number;
}
static void tile_dot8(int c, int a, int b) {
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 16; x++)
            for (int k = 0; k < 64; k++) tile_at[c].i32[y][x] += tile_at[a].i8[y][k] * tile_at[b].i8[k / 4][4 * x + k % 4];
}
static void tile_dot16(int c, int a, int b) {
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 16; x++)
            for (int k = 0; k < 32; k++)
                tile_at[c].f32[y][x] += tile_wide(tile_at[a].u16[y][k]) * tile_wide(tile_at[b].u16[k / 2][2 * x + k % 2]);
}
#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbssd
#undef _tile_dpbf16ps
#define _tile_loadd tile_load
#define _tile_stored tile_store
#define _tile_zero(t) memset(&tile_at[t], 0, sizeof tile_at[t])
#define _tile_dpbssd tile_dot8
#define _tile_dpbf16ps tile_dot16
#define _tile_loadconfig(config) (void)(config)
#define _tile_release() (void)0
#define syscall(...) 0
#define __AMX_TILE__ 1
#ifndef NO_AMX_INT8
#define __AMX_INT8__ 1
#endif
#define __AMX_BF16__ 1
