// Reads sizes, a product's operands and its scales, again and again, and writes the products: for an emulator to run.

#include "quantised.c"
#include <stdio.h>
int main(void) {
    int64_t m, n, k;
    while (fread(&m, 8, 1, stdin) == 1 && fread(&n, 8, 1, stdin) == 1 && fread(&k, 8, 1, stdin) == 1) {
        float *a = malloc(4 * m * k), *scales = malloc(4 * n), *c = malloc(4 * m * n);
        int8_t *b = malloc(n * k), *packed = aligned_alloc(64, (n + 15) / 16 * panel_bytes(k));
        if (fread(a, 4, m * k, stdin) + fread(b, 1, n * k, stdin) + fread(scales, 4, n, stdin) == 0) return 1;
        quantised_pack(n, k, b, scales, packed, 1);
        if (quantised_form() != 6 || !quantised_product(m, n, k, k, 0, n, a, packed, NULL, c, 1)) return 2;
        fwrite(c, 4, m * n, stdout);
    }
}
