// Memory that a thread keeps from call to call, since asking for it anew would cost as much as a small product. It is freed
// when the thread ends.

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define ROOMS 3

typedef struct {
    void *at;
    int64_t bytes;
} Room;

static pthread_once_t rooms_once = PTHREAD_ONCE_INIT;
static pthread_key_t rooms_key;
static int rooms_known;

static void rooms_end(void *held) {
    for (int which = 0; which < ROOMS; which++) free(((Room *)held)[which].at);
    free(held);
}

static void rooms_begin(void) { rooms_known = pthread_key_create(&rooms_key, rooms_end) == 0; }

static Room *rooms(void) {
    pthread_once(&rooms_once, rooms_begin);
    Room *held = rooms_known ? pthread_getspecific(rooms_key) : NULL;
    if (held || !rooms_known) return held;
    held = calloc(ROOMS, sizeof *held);
    if (!held || pthread_setspecific(rooms_key, held) == 0) return held;
    free(held);
    return NULL;
}

// One of this thread's rooms, of so many bytes at least, or of none; what was in it is lost. NULL: there is no memory.
static void *room(int which, int64_t bytes) {
    Room *held = rooms();
    if (!held) return NULL;
    held += which;
    if (!held->at || held->bytes < bytes) {
        free(held->at);
        held->at = aligned_alloc(64, bytes / 64 * 64 + 64);
        held->bytes = held->at ? bytes : 0;
    }
    return held->at;
}
