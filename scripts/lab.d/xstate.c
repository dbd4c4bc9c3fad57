/* Preloaded into User-Mode Linux on processors with AMX.
 *
 * The host kernel takes the floating point registers of a traced process only as a whole area
 * (PTRACE_SETREGSET, NT_X86_XSTATE; any other length is EFAULT). With AMX that area is 8 KiB longer
 * than the buffer of User-Mode Linux 6.1, which then kills the guest's first process: "ptrace set
 * fp regs failed, errno = 14". This ptrace() hands the kernel an area of the right length. What is
 * behind the buffer are the tile registers, which no process of the guest can use: it would have
 * to ask the host for them first (ARCH_REQ_XCOMP_PERM). */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define NT_X86_XSTATE 0x202

static unsigned char area[64 * 1024];
static size_t area_length;

long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    long pid = va_arg(arguments, long);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);

    if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) {
        struct iovec *given = data;
        if (area_length == 0) {
            struct iovec whole = {area, sizeof area};
            if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, address, &whole) == 0)
                area_length = whole.iov_len;
            memset(area, 0, sizeof area);
        }
        if (given->iov_len < area_length) {
            struct iovec whole = {area, area_length};
            memcpy(area, given->iov_base, given->iov_len);
            return syscall(SYS_ptrace, request, pid, address, &whole);
        }
    }
    /* The C library returns what these read; the system call stores it. */
    if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
        long word;
        if (syscall(SYS_ptrace, request, pid, address, &word) < 0)
            return -1;
        errno = 0;
        return word;
    }
    return syscall(SYS_ptrace, request, pid, address, data);
}
