/*
 * The one strict parser of numbers, sizes, durations and ratios from text the user wrote. The whole string must be
 * consumed; no sign tricks, no locale, no silent wrap-around. 0 or -EINVAL (malformed) / -ERANGE (does not fit).
 *
 *   parse_u64/i64    decimal digits, optional leading '-' for i64
 *   parse_f64        finite decimal; NaN and infinities are refused
 *   parse_size       bytes: "512", "64K", "10M", "2G", "1T" (powers of 1024), also KiB/MiB/GiB/TiB and kB/MB/GB/TB (1000)
 *   parse_duration   ns: "100ms", "5s", "2m", "1h", "3d", "250us", "10ns"; a bare number means seconds ("1.5" = 1.5 s)
 *   parse_ratio      "0.5%" or "0.005" -> 0.005
 */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdint.h>

int parse_u64(const char *text, uint64_t *out);
int parse_i64(const char *text, int64_t *out);
int parse_f64(const char *text, double *out);
int parse_size(const char *text, uint64_t *out_bytes);
int parse_duration(const char *text, uint64_t *out_ns);
int parse_ratio(const char *text, double *out_ratio);

#endif
