// Reads sizes and a product's operands, again and again, and writes the products: for an emulator of ARM to run.

#ifdef IN_INT8
#include "quantised.c"
#else
#include "tiles.c"
#endif
#include <stdio.h>

static int product(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c) {
#ifdef IN_INT8
    int8_t *packed = aligned_alloc(64, (n + 15) / 16 * panel_bytes(k));
    return quantised_form() == 6 && quantised_pack(n, k, b, k, packed, 1) &&
           quantised_product(m, n, k, k, 0, n, a, packed, NULL, c, 1);
#else
    bf16 *packed = aligned_alloc(64, (n + 15) / 16 * ((k + 31) / 32) * TILE * sizeof(bf16));
    tiles_pack(n, k, k, 1, b, packed, 1);
    return tiles_form() == 5 && tiles_product(m, n, k, k, 1, 0, 0, 0, n, a, NULL, packed, NULL, c, 1);
#endif
}

int main(void) {
    int64_t size[3];
    while (fread(size, 8, 3, stdin) == 3) {
        int64_t m = size[0], n = size[1], k = size[2];
        float *a = malloc(4 * m * k), *b = malloc(4 * n * k), *c = malloc(4 * m * n);
        if (fread(a, 4, m * k, stdin) + fread(b, 4, n * k, stdin) == 0 || !product(m, n, k, a, b, c)) return 1;
        fwrite(c, 4, m * n, stdout);
    }
}
