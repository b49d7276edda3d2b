/* Seeding of the generator in rng.h: splitmix64 spreads any 64-bit seed over the 256-bit state. */
#include "base/rng.h"

static uint64_t splitmix64(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		r->s[i] = splitmix64(&seed);
}

void rng_seed_stream(struct rng *r, uint64_t seed, uint64_t stream)
{
	uint64_t mixed = splitmix64(&stream);

	rng_seed(r, seed ^ mixed);
}
