// Reads sizes, a product's operands, again and again, and writes the products: for an emulator to run.

#include "quantised.c"
#include <stdio.h>
int main(void) {
    int64_t m, n, k;
    while (fread(&m, 8, 1, stdin) == 1 && fread(&n, 8, 1, stdin) == 1 && fread(&k, 8, 1, stdin) == 1) {
        float *a = malloc(4 * m * k), *b = malloc(4 * n * k), *c = malloc(4 * m * n);
        int8_t *packed = aligned_alloc(64, (n + 15) / 16 * panel_bytes(k));
        if (fread(a, 4, m * k, stdin) + fread(b, 4, n * k, stdin) == 0) return 1;
        if (quantised_form() != 6 || !quantised_pack(n, k, b, k, packed, 1) ||
            !quantised_product(m, n, k, k, 0, n, a, packed, NULL, c, 1))
            return 2;
        fwrite(c, 4, m * n, stdout);
    }
}
