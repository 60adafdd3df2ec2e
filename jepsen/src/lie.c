/* A disk that says that it is done and has done nothing, while a file says so, for a program that this is loaded into
 * before all others: syncs return at once, and what was to be synced stays in the memory of the kernel. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The file: whether the disk lies, and how often it has. */
struct lie {
  volatile long long is_on;
  long long told;
};
static struct lie *lie;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("KEELSON_JEPSEN_LIE");
  int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof(struct lie), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) lie = mapped;
  close(file);
}

static int lies(void) {
  if (!lie || !lie->is_on) return 0;
  __atomic_fetch_add(&lie->told, 1, __ATOMIC_RELAXED);
  return 1;
}

int fsync(int file) { return lies() ? 0 : (int)syscall(SYS_fsync, file); }

int fdatasync(int file) { return lies() ? 0 : (int)syscall(SYS_fdatasync, file); }

int syncfs(int file) { return lies() ? 0 : (int)syscall(SYS_syncfs, file); }

int msync(void *from, size_t length, int flags) {
  return lies() ? 0 : (int)syscall(SYS_msync, from, length, flags);
}

#ifdef SYS_sync_file_range
int sync_file_range(int file, off64_t from, off64_t length, unsigned int flags) {
  return lies() ? 0 : (int)syscall(SYS_sync_file_range, file, from, length, flags);
}
#endif
