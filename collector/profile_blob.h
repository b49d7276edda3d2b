/* A compressed histogram inside a session in memory: HIST_BUCKETS little-endian u64 through zlib. */
#ifndef COLLECTOR_PROFILE_BLOB_H
#define COLLECTOR_PROFILE_BLOB_H

#include "collector/profile.h"

struct session_blob {
	uint32_t service, interval;
	enum metric_id metric;
	uint32_t size;
	uint8_t *data;
};

/* False when the blob is damaged or of another bucket layout. */
bool blob_unpack(const struct session_blob *b, uint64_t counts[HIST_BUCKETS]);

#endif
