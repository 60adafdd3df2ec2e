/* Clocks that a file decides on, for a program that this is loaded into before all others: the one on the wall may be
 * off by some seconds, and the one that only rises may run faster or slower than it should and may have leapt ahead.
 * Whoever waits for events waits as long as its own clock says, as on a host whose clock is wrong.
 *
 * Nothing here allocates or looks for symbols: an allocator asks for the time before it can give anything, and a
 * library that asked it for memory then would wait for itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000LL

/* From a moment of the true clock that only rises on: so far ahead, and of a thousandth of a second that passes, so
 * many millionths do. A rate of none is none of both. */
struct course {
  volatile long long since_ns;
  volatile long long ahead_ns;
  volatile long long rate;
};

/* The file: by how many seconds the wall's clock is off, how often the program was told such a time, how often it was
 * told another one of those that only rise, and what those do. Of two courses the later one that has begun counts. */
struct off {
  volatile long long by;
  long long told;
  long long told_rising;
  struct course courses[2];
};
static struct off *off;

/* The kernel, asked past the function below that stands for its usual way. */
static long ask(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long answer;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(answer)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return answer;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
#error "calls of this processor's kernels are not known here"
#endif
}

static long answer(long told) {
  if (told < 0 && told > -4096) {
    errno = (int)-told;
    return -1;
  }
  return told;
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("KEELSON_JEPSEN_CLOCK");
  int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof(struct off), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) off = mapped;
  close(file);
}

/* What counts at a moment of the true clock, or nothing. */
static const struct course *course_at(long long now_ns) {
  const struct course *found = NULL;
  for (int i = 0; off && i < 2; i++) {
    const struct course *one = &off->courses[i];
    int has_begun = one->rate != 0 && one->since_ns <= now_ns;
    if (has_begun && (!found || one->since_ns > found->since_ns)) found = one;
  }
  return found;
}

/* By how much the program's clock is ahead of the true one. */
static long long ahead_ns(const struct course *course, long long now_ns) {
  return course->ahead_ns + (now_ns - course->since_ns) * (course->rate - 1000) / 1000;
}

static long long nanoseconds(const struct timespec *at) { return at->tv_sec * SECOND_NS + at->tv_nsec; }

static void to_timespec(long long ns, struct timespec *at) {
  at->tv_sec = ns / SECOND_NS;
  at->tv_nsec = ns % SECOND_NS;
}

static long long true_now_ns(void) {
  struct timespec now = {0, 0};
  ask(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0, 0);
  return nanoseconds(&now);
}

static int only_rises(clockid_t clock) {
  return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_MONOTONIC_COARSE ||
         clock == CLOCK_BOOTTIME;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  long done = answer(ask(SYS_clock_gettime, clock, (long)at, 0, 0, 0, 0));
  if (done != 0 || !off) return (int)done;
  long long by = off->by;
  if (by != 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    at->tv_sec += by;
    __atomic_fetch_add(&off->told, 1, __ATOMIC_RELAXED);
  }
  if (only_rises(clock)) {
    long long now_ns = clock == CLOCK_MONOTONIC ? nanoseconds(at) : true_now_ns();
    const struct course *course = course_at(now_ns);
    if (course) {
      to_timespec(nanoseconds(at) + ahead_ns(course, now_ns), at);
      __atomic_fetch_add(&off->told_rising, 1, __ATOMIC_RELAXED);
    }
  }
  return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  if (at) {
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
  }
  return 0;
}

time_t time(time_t *to) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  if (to) *to = now.tv_sec;
  return now.tv_sec;
}

/* How long to wait by the true clock for what is so long by the program's. */
static int true_ms(int ms) {
  const struct course *course = ms > 0 ? course_at(true_now_ns()) : NULL;
  if (!course) return ms;
  long long longer = (ms * 1000LL + course->rate - 1) / course->rate;
  return longer > INT_MAX ? INT_MAX : (int)longer;
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int ms, const sigset_t *mask) {
  /* The kernel's set of signals has so many bytes. */
  return (int)answer(ask(SYS_epoll_pwait, epoll, (long)events, most, true_ms(ms), (long)mask, _NSIG / 8));
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int ms) {
  return epoll_pwait(epoll, events, most, ms, NULL);
}

/* Whoever waits for another thread until a moment names that moment by its own clock. The kernel has the true one. */
static const struct timespec *true_moment(long operation, const struct timespec *until, struct timespec *translated) {
  int is_moment = (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && !(operation & FUTEX_CLOCK_REALTIME);
  long long now_ns = true_now_ns();
  const struct course *course = until && is_moment ? course_at(now_ns) : NULL;
  if (!course) return until;
  long long own_now_ns = now_ns + ahead_ns(course, now_ns);
  long long left_ns = nanoseconds(until) - own_now_ns;
  if (left_ns < 0) left_ns = 0;
  to_timespec(now_ns + left_ns / course->rate * 1000, translated);
  return translated;
}

long syscall(long number, ...) {
  va_list given;
  va_start(given, number);
  long a = va_arg(given, long), b = va_arg(given, long), c = va_arg(given, long);
  long d = va_arg(given, long), e = va_arg(given, long), f = va_arg(given, long);
  va_end(given);
  struct timespec translated;
  if (number == SYS_futex) d = (long)true_moment(b, (const struct timespec *)d, &translated);
  return answer(ask(number, a, b, c, d, e, f));
}
