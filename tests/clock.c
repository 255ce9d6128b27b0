/* Shows programs a clock that is $CLOCK_OFFSET seconds ahead of the computer's, and files dated by it; tests/clock preloads it.
   libfaketime can't: it leaves statx as it is, and ends programs that another user runs. Neither reaches programs that ask the
   kernel without libc, as Go's do. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#define EXPORT __attribute__((visibility("default")))

static long offset(void)
{
    static long seconds;
    static int is_known;
    if (!is_known) {
        const char *text = getenv("CLOCK_OFFSET");
        seconds = text ? atol(text) : 0;
        is_known = 1;
    }
    return seconds;
}

static void *libc_dlsym(void *library, const char *name)
{
    static void *(*found)(void *, const char *);
    if (!found) found = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    return found(library, name);
}

static void *next(const char *name) { return libc_dlsym(RTLD_NEXT, name); }

/* .NET asks libc itself for the functions that a program imports by name. */
EXPORT void *dlsym(void *restrict library, const char *restrict name)
{
    void *asked = libc_dlsym(library, name), *first = libc_dlsym(RTLD_DEFAULT, name);
    Dl_info ours, its;
    int is_ours = first && dladdr((void *)offset, &ours) && dladdr(first, &its) && ours.dli_fbase == its.dli_fbase;
    return asked && is_ours && library != RTLD_NEXT ? first : asked;
}

/* What the clock says. */

EXPORT int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
    return result;
}

EXPORT int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int result = syscall(SYS_gettimeofday, now, zone);
    if (result == 0) now->tv_sec += offset();
    return result;
}

EXPORT time_t time(time_t *seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds) *seconds = now.tv_sec;
    return now.tv_sec;
}

EXPORT int timespec_get(struct timespec *now, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

/* Until when a program waits: the kernel compares it with the true clock. An instant of another clock is far from now. */

static struct timespec truly(const struct timespec *until)
{
    struct timespec result = *until;
    if (labs(until->tv_sec - time(NULL)) < 7 * 86400) result.tv_sec -= offset();
    return result;
}

#define NEXT(name) ((typeof(&name))next(#name))

EXPORT int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
    struct timespec when = truly(until);
    return NEXT(pthread_cond_timedwait)(condition, mutex, &when);
}

EXPORT int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
    struct timespec when = truly(until);
    return NEXT(pthread_mutex_timedlock)(mutex, &when);
}

EXPORT int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    struct timespec when = truly(until);
    return NEXT(sem_timedwait)(semaphore, &when);
}

/* How files are dated. */

static int dated(int result, struct stat *file)
{
    if (result == 0) {
        file->st_atim.tv_sec += offset();
        file->st_mtim.tv_sec += offset();
        file->st_ctim.tv_sec += offset();
    }
    return result;
}

EXPORT int fstatat(int directory, const char *restrict path, struct stat *restrict file, int flags)
{
    return dated(syscall(SYS_newfstatat, directory, path, file, flags), file);
}

EXPORT int stat(const char *restrict path, struct stat *restrict file) { return fstatat(AT_FDCWD, path, file, 0); }
EXPORT int lstat(const char *restrict path, struct stat *restrict file) { return fstatat(AT_FDCWD, path, file, AT_SYMLINK_NOFOLLOW); }
EXPORT int fstat(int open, struct stat *file) { return dated(syscall(SYS_fstat, open, file), file); }

EXPORT int statx(int directory, const char *restrict path, int flags, unsigned int mask, struct statx *restrict file)
{
    int result = syscall(SYS_statx, directory, path, flags, mask, file);
    if (result == 0) {
        file->stx_atime.tv_sec += offset();
        file->stx_btime.tv_sec += offset();
        file->stx_ctime.tv_sec += offset();
        file->stx_mtime.tv_sec += offset();
    }
    return result;
}

/* The same under the names that programs use which were built with an older libc. */
EXPORT int __xstat(int version, const char *path, struct stat *file) { (void)version; return stat(path, file); }
EXPORT int __lxstat(int version, const char *path, struct stat *file) { (void)version; return lstat(path, file); }
EXPORT int __fxstat(int version, int open, struct stat *file) { (void)version; return fstat(open, file); }
EXPORT int __fxstatat(int version, int directory, const char *path, struct stat *file, int flags) { (void)version; return fstatat(directory, path, file, flags); }

/* The same where "long" has 64 bits; the header gives these another type. */
#define SAME(name, other) __asm__(".globl " #name "\n.set " #name ", " #other)
SAME(stat64, stat);
SAME(lstat64, lstat);
SAME(fstat64, fstat);
SAME(fstatat64, fstatat);
SAME(__xstat64, __xstat);
SAME(__lxstat64, __lxstat);
SAME(__fxstat64, __fxstat);
SAME(__fxstatat64, __fxstatat);

static int date(int directory, const char *path, const struct timespec times[2], int flags)
{
    struct timespec true_times[2];
    for (int index = 0; times && index < 2; index++) {
        true_times[index] = times[index];
        if (times[index].tv_nsec != UTIME_NOW && times[index].tv_nsec != UTIME_OMIT) true_times[index].tv_sec -= offset();
    }
    return syscall(SYS_utimensat, directory, path, times ? true_times : NULL, flags);
}

static int date_by_microseconds(int directory, const char *path, const struct timeval times[2], int flags)
{
    struct timespec exact[2];
    for (int index = 0; times && index < 2; index++) exact[index] = (struct timespec){ times[index].tv_sec, times[index].tv_usec * 1000 };
    return date(directory, path, times ? exact : NULL, flags);
}

EXPORT int utimensat(int directory, const char *path, const struct timespec times[2], int flags) { return date(directory, path, times, flags); }
EXPORT int futimens(int open, const struct timespec times[2]) { return date(open, NULL, times, 0); }
EXPORT int utimes(const char *path, const struct timeval times[2]) { return date_by_microseconds(AT_FDCWD, path, times, 0); }
EXPORT int lutimes(const char *path, const struct timeval times[2]) { return date_by_microseconds(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW); }
EXPORT int futimes(int open, const struct timeval times[2]) { return date_by_microseconds(open, NULL, times, 0); }
EXPORT int futimesat(int directory, const char *path, const struct timeval times[2]) { return date_by_microseconds(directory, path, times, 0); }

EXPORT int utime(const char *path, const struct utimbuf *times)
{
    struct timespec exact[2] = { { times ? times->actime : 0, 0 }, { times ? times->modtime : 0, 0 } };
    return date(AT_FDCWD, path, times ? exact : NULL, 0);
}
