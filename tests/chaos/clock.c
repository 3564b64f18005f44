/* Preloaded into the product's processes: their wall clock is wrong by as many nanoseconds as the
 * file in CHAOS_CLOCK holds, from the moment that they are written there. The monotonic clock goes
 * on. libfaketime would be the ready-made one, but with its monotonic clock left alone (0.9.10),
 * clock_nanosleep() fails with EINVAL, and with it Python's time.sleep().
 *
 * No header is included, so that a compiler without the C library's headers will do.
 */

struct timespec { long tv_sec, tv_nsec; };
struct timeval { long tv_sec, tv_usec; };

extern void *dlsym(void *handle, const char *name);
extern char *getenv(const char *name);
extern int open(const char *path, int flags, ...);
extern void *mmap(void *address, unsigned long length, int protection, int flags, int fd, long at);
extern int close(int fd);

#define RTLD_NEXT ((void *) -1L)
#define CLOCK_REALTIME 0
#define CLOCK_REALTIME_COARSE 5
#define GIGA 1000000000L

typedef int gettime(int, struct timespec *);

static volatile long *offset; /* ns, in the file */
static gettime *real;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CHAOS_CLOCK");
    real = (gettime *) dlsym(RTLD_NEXT, "clock_gettime");
    if (path) {
        int fd = open(path, 0 /* O_RDONLY */);
        void *page = mmap(0, sizeof *offset, 1 /* PROT_READ */, 1 /* MAP_SHARED */, fd, 0);
        if (page != (void *) -1L)
            offset = page;
        close(fd);
    }
}

int clock_gettime(int clock, struct timespec *now)
{
    if (!real)
        begin();
    int result = real(clock, now);
    if (result == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        long nanoseconds = now->tv_nsec + *offset % GIGA;
        now->tv_sec += *offset / GIGA + (nanoseconds >= GIGA) - (nanoseconds < 0);
        now->tv_nsec = nanoseconds - GIGA * ((nanoseconds >= GIGA) - (nanoseconds < 0));
    }
    return result;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec precise;
    (void) zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

long time(long *result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result)
        *result = now.tv_sec;
    return now.tv_sec;
}
