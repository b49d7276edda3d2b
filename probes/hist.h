/*
 * The one histogram layout, compiled by gcc and by clang for BPF: log-linear buckets of nanoseconds.
 *
 * A value is first cut to units of 32 ns; below 16 units every unit has its own bucket, above that every power of two is
 * split into 16 equal buckets, so a bucket is never wider than 1/16 of its value (middle of bucket: error <= 3.2 %).
 * The last bucket takes everything from hist_low(HIST_BUCKETS - 1) = 66.6 s to infinity.
 * Same idea as HdrHistogram (Tene) and Rezolus' h2; the sizes are ours: 32 ns is below what a switch costs, 448 counts of
 * 4 bytes keep 72 slots within 126 KiB per CPU.
 */
#ifndef PROBES_HIST_H
#define PROBES_HIST_H

#ifdef __bpf__
#include <linux/types.h>
typedef __u64 hist_u64;
typedef __u32 hist_u32;
#else
#include <stdint.h>
typedef uint64_t hist_u64;
typedef uint32_t hist_u32;
#endif

#define HIST_UNIT_SHIFT 5u                       /* 32 ns */
#define HIST_SUB_SHIFT 4u                        /* 16 buckets per power of two */
#define HIST_SUB (1u << HIST_SUB_SHIFT)
#define HIST_BUCKETS 448u                        /* 16 + 27 * 16: units below 2^31 */

/* Position of the highest bit; 0 for 0. Written out because BPF has no such instruction. */
static inline __attribute__((always_inline)) hist_u32 hist_log2(hist_u64 v)
{
	hist_u32 r = 0;

	if (v >> 32) { r += 32; v >>= 32; }
	if (v >> 16) { r += 16; v >>= 16; }
	if (v >> 8) { r += 8; v >>= 8; }
	if (v >> 4) { r += 4; v >>= 4; }
	if (v >> 2) { r += 2; v >>= 2; }
	if (v >> 1) { r += 1; }
	return r;
}

static inline __attribute__((always_inline)) hist_u32 hist_bucket(hist_u64 ns)
{
	hist_u64 units = ns >> HIST_UNIT_SHIFT;
	hist_u32 top, bucket;

	if (units < HIST_SUB)
		return (hist_u32)units;
	top = hist_log2(units) - HIST_SUB_SHIFT;
	bucket = (top + 1) * HIST_SUB + (hist_u32)((units >> (top & 63)) & (HIST_SUB - 1));
	return bucket < HIST_BUCKETS ? bucket : HIST_BUCKETS - 1;
}

/* Smallest ns that falls into the bucket; hist_low(HIST_BUCKETS) is the end of the last full bucket. */
static inline hist_u64 hist_low(hist_u32 bucket)
{
	hist_u32 top = bucket / HIST_SUB;

	if (!top)
		return (hist_u64)bucket << HIST_UNIT_SHIFT;
	return (hist_u64)(HIST_SUB + bucket % HIST_SUB) << (top - 1 + HIST_UNIT_SHIFT);
}

#endif
