/* Which code path runs. One binary serves every x86-64, so nothing is decided at compile time. */
#include "dataplane/srtp/srtp_internal.h"

#include <cpuid.h>
#include <errno.h>
#include <stdatomic.h>

static const struct srtp_ops *const paths[DP_SRTP_CPU_COUNT] = {
    [DP_SRTP_CPU_PORTABLE] = &dp_srtp_ops_portable,
    [DP_SRTP_CPU_AESNI] = &dp_srtp_ops_aesni,
    [DP_SRTP_CPU_VAES256] = &dp_srtp_ops_vaes256,
    [DP_SRTP_CPU_VAES512] = &dp_srtp_ops_vaes512,
};

/* Written by the first caller (any two would write the same) and by dp_srtp_cpu_force(). */
static _Atomic(const struct srtp_ops *) path_in_use;

/* Not every compiler's __builtin_cpu_supports knows these names. */
static bool has_vector_aes(void)
{
    unsigned int eax, ebx, ecx, edx;

    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ecx & 1u << 9) && (ecx & 1u << 10);
}

static bool has_sha(void)
{
    unsigned int eax, ebx, ecx, edx;

    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & 1u << 29);
}

bool dp_srtp_cpu_has(enum dp_srtp_cpu level)
{
    bool aesni = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") &&
                 __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");

    switch (level) {
    case DP_SRTP_CPU_PORTABLE:
        return true;
    case DP_SRTP_CPU_AESNI:
        return aesni;
    case DP_SRTP_CPU_VAES256:
        return aesni && has_vector_aes() && has_sha() && __builtin_cpu_supports("avx2");
    case DP_SRTP_CPU_VAES512:
        return aesni && has_vector_aes() && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    default:
        return false;
    }
}

const struct srtp_ops *dp_srtp_ops(void)
{
    const struct srtp_ops *ops = atomic_load_explicit(&path_in_use, memory_order_relaxed);

    if (__builtin_expect(ops == NULL, 0)) {
        enum dp_srtp_cpu level = DP_SRTP_CPU_COUNT - 1;

        while (!dp_srtp_cpu_has(level))
            level--;
        ops = paths[level];
        atomic_store_explicit(&path_in_use, ops, memory_order_relaxed);
    }
    return ops;
}

int dp_srtp_cpu_force(enum dp_srtp_cpu level)
{
    if (!dp_srtp_cpu_has(level))
        return -ENOTSUP;
    atomic_store_explicit(&path_in_use, paths[level], memory_order_relaxed);
    return 0;
}

const char *dp_srtp_cpu_name(void)
{
    return dp_srtp_ops()->name;
}
