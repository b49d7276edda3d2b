/* Estimate of slowdown from one reading's blame: see slowdown.h. */
#include "collector/slowdown.h"

enum part { SERVICES, LIKELY, MACHINE, PARTS }; /* whose fault: other services; tasks of none, or theirs in all likelihood; nobody's */

static double value(const struct sampler *s, size_t p, enum metric_id m)
{
	return s->values[p][m] == SESSION_ABSENT ? 0 : (double)s->values[p][m];
}

static double within(double v, double low, double high)
{
	return v < low ? low : v > high ? high : v;
}

/* A blame row summed by part, in ns; and the whole row, the service's own included. */
static double row_parts(const struct sampler *s, enum blame_resource r, size_t victim, double parts[PARTS])
{
	static const enum part of_kind[CULPRIT_UNKNOWN + 1] = {
		[CULPRIT_SERVICE] = SERVICES, [CULPRIT_OTHER] = LIKELY, [CULPRIT_KERNEL] = MACHINE, [CULPRIT_IRQ] = MACHINE,
		[CULPRIT_WAKEUP] = PARTS, [CULPRIT_THROTTLE] = PARTS, [CULPRIT_STEAL] = MACHINE, [CULPRIT_UNKNOWN] = MACHINE,
	};
	double total = 0;

	for (size_t k = 0; k < PARTS; k++)
		parts[k] = 0;
	for (size_t c = 0; c < s->n; c++) {
		double ns = (double)sampler_blame(s, r, victim, c);
		enum part k = c == victim ? PARTS : of_kind[sampler_kind(c)];

		total += ns;
		if (k != PARTS)
			parts[k] += ns;
	}
	return total;
}

static void add(double sum[PARTS], const double parts[PARTS], double weight)
{
	for (size_t k = 0; k < PARTS; k++)
		sum[k] += parts[k] * weight;
}

/* Does participant c send requests to service p? */
static bool is_client(const struct sampler *s, size_t p, size_t c)
{
	return s->probes && sampler_slot(c) >= SLOT_FIRST && s->sample->client[sampler_slot(p)] == sampler_slot(c);
}

/* Does what participant c does stand for neighbours of p? */
static bool is_neighbour(const struct sampler *s, size_t p, size_t c)
{
	return c != p && !is_client(s, p, c) && (sampler_kind(c) == CULPRIT_SERVICE || sampler_kind(c) == CULPRIT_OTHER);
}

/* What a hypervisor may take from the CPUs, or hide in their work, for the neighbours' disk requests. */
static double disk_work_ns(const struct sampler *s, size_t p)
{
	double requests = 0;

	for (size_t c = 0; c < s->n; c++)
		if (is_neighbour(s, p, c))
			requests += value(s, c, METRIC_DISK_READS) + value(s, c, METRIC_DISK_WRITES);
	return s->guest ? requests * SLOWDOWN_GUEST_IO_NS : 0;
}

static double stolen_ns(const struct sampler *s)
{
	double sum = 0;

	for (size_t c = 0; c < s->n; c++)
		sum += value(s, c, METRIC_CPU_STEAL);
	return sum;
}

/* Share of what the hypervisor took that work for the neighbours' disk requests explains. */
static double steal_theirs(const struct sampler *s, size_t p)
{
	double stolen = stolen_ns(s);

	return stolen > 0 ? within(disk_work_ns(s, p) / stolen, 0, 1) : 0;
}

static void add_steal(const struct sampler *s, size_t p, double stolen, double sum[PARTS])
{
	double theirs = stolen * steal_theirs(s, p);

	sum[LIKELY] += theirs;
	sum[MACHINE] += stolen - theirs;
}

/* What was taken from the running threads of `runner`, which is p or its client: receive softirqs and disk interrupts for other services
 * (those that no service owns are nobody's), and steal. While a thread is held up so, everything queued at it waits: `held` is how much of p's
 * time passes per ns of its threads. */
static void add_running(const struct sampler *s, size_t p, size_t runner, double held, double sum[PARTS])
{
	for (size_t c = 0; c < s->n; c++)
		if (c != p && c != runner && !is_client(s, p, c))
			sum[sampler_kind(c) == CULPRIT_SERVICE ? SERVICES : MACHINE] += held * (double)sampler_blame(s, BLAME_SOFTIRQ, runner, c);
	add_steal(s, p, held * value(s, runner, METRIC_CPU_STEAL), sum);
}

static double busy_ns(const struct sampler *s, size_t p)
{
	return value(s, p, METRIC_CPU_ON) + value(s, p, METRIC_CPU_IRQ) + value(s, p, METRIC_CPU_STEAL);
}

/* Share of the interrupts on top of others' slices that is theirs, weighted by how long p waited behind them: all but the
 * network's work for p and its client. */
static double irq_theirs(const struct sampler *s, enum blame_resource r, size_t p)
{
	double weights = 0, ours = 0;

	for (size_t c = 0; c < s->n; c++) {
		double weight = (double)sampler_blame(s, r, p, c), irq = value(s, c, METRIC_CPU_IRQ), for_us = 0;

		if (!is_neighbour(s, p, c) || irq <= 0)
			continue;
		for (size_t o = 0; o < s->n; o++)
			if (o == p || is_client(s, p, o))
				for_us += (double)sampler_blame(s, BLAME_SOFTIRQ, c, o);
		weights += weight;
		ours += weight * within(for_us / irq, 0, 1);
	}
	return weights > 0 ? 1 - ours / weights : 0;
}

/* Share of all disk bytes that other services and `other` moved. */
static double disk_bytes_theirs(const struct sampler *s, size_t p)
{
	double total = 0, own = 0;

	for (size_t c = 0; c < s->n; c++) {
		double bytes = value(s, c, METRIC_DISK_READ_BYTES) + value(s, c, METRIC_DISK_WRITE_BYTES);

		total += bytes;
		own += c == p ? bytes : 0;
	}
	return total > 0 ? 1 - own / total : 0;
}

/* Sleep for pages that were evicted, by memory blame: it would not be without the eviction, whoever shares the disk. Returns what of
 * `slept` is left. */
static double add_refaults(const struct sampler *s, size_t p, double slept, double sum[PARTS])
{
	double parts[PARTS], total = row_parts(s, BLAME_MEMORY, p, parts), refaults = within(total, 0, slept);

	if (total > 0)
		add(sum, parts, refaults / total);
	return slept - refaults;
}

/* Other sleep on disk, by disk blame; what sharing by bytes would put on top is uncertain. */
static void add_disk(const struct sampler *s, size_t p, double slept, double sum[PARTS])
{
	double parts[PARTS], total = row_parts(s, BLAME_DISK, p, parts), theirs;

	slept = add_refaults(s, p, slept, sum);
	if (total <= 0)
		return;
	theirs = (parts[SERVICES] + parts[LIKELY]) / total;
	add(sum, parts, slept / total);
	if (theirs > 0 && disk_bytes_theirs(s, p) > theirs)
		sum[MACHINE] += slept * (disk_bytes_theirs(s, p) - theirs);
}

/* Waits for CPUs; the neighbours' interrupts inside their slices are theirs. */
static void add_waits(const struct sampler *s, enum blame_resource r, size_t p, double sum[PARTS])
{
	double parts[PARTS], irq, stolen = (double)sampler_blame(s, r, p, SLOT_STEAL);

	row_parts(s, r, p, parts);
	add(sum, parts, 1);
	irq = irq_theirs(s, r, p) * (double)sampler_blame(s, r, p, SLOT_IRQ);
	sum[SERVICES] += irq;
	sum[MACHINE] -= irq + stolen;
	add_steal(s, p, stolen, sum);
}

/* What held up the requests at the server. */
static void add_requests(const struct sampler *s, size_t p, double sum[PARTS])
{
	add_waits(s, BLAME_REQUEST, p, sum);
	add_disk(s, p, value(s, p, METRIC_REQ_DISK), sum);
	if (busy_ns(s, p) > 0)
		add_running(s, p, p, (double)sampler_blame(s, BLAME_REQUEST, p, p) / busy_ns(s, p), sum);
}

/* What held up the turns of its client on this node. */
static void add_turns(const struct sampler *s, size_t p, double sum[PARTS])
{
	double turn = value(s, p, METRIC_REQ_TURN), blamed = value(s, p, METRIC_REQ_TURN_BLAMED);

	sum[SERVICES] += blamed;
	for (size_t c = PARTICIPANT_FIRST; c < s->n; c++)
		if (is_client(s, p, c) && busy_ns(s, c) > 0)
			add_running(s, p, c, within(turn - blamed, 0, turn) / busy_ns(s, c), sum);
}

double slowdown_request_blamed(const struct sampler *s, size_t p)
{
	double sum[PARTS] = { 0 };

	add_requests(s, p, sum);
	return within(sum[SERVICES] + sum[LIKELY] - value(s, p, METRIC_REQ_PARTNER), 0, value(s, p, METRIC_REQ_TIME));
}

static double by_requests(const struct sampler *s, size_t p, double sum[PARTS], double *partner)
{
	add_requests(s, p, sum);
	add_turns(s, p, sum);
	*partner = value(s, p, METRIC_REQ_PARTNER);
	return value(s, p, METRIC_REQ_TIME) + value(s, p, METRIC_REQ_TURN);
}

static double by_cpu(const struct sampler *s, size_t p, double sum[PARTS])
{
	double time = busy_ns(s, p) + value(s, p, METRIC_CPU_WAIT);
	double disk = sampler_blame_present(s, BLAME_DISK) ? value(s, p, METRIC_DISK_OUTSTANDING) : 0;

	add_waits(s, BLAME_CPU, p, sum);
	add_disk(s, p, disk, sum);
	add_running(s, p, p, 1, sum);
	return time + disk;
}

/* What neighbours did: CPU time, of one core at most, and what a hypervisor may have done for their disk requests without its being seen as
 * steal; both per time. */
static void neighbours_did(const struct sampler *s, size_t p, double *cores, double *hidden)
{
	double length = (double)(s->interval.end_ns - s->interval.start_ns), used = 0;

	for (size_t c = 0; c < s->n; c++)
		if (is_neighbour(s, p, c))
			used += value(s, c, METRIC_CPU_ON);
	*cores = length > 0 ? within(used / length, 0, 1) : 0;
	*hidden = length > 0 ? within((disk_work_ns(s, p) - stolen_ns(s)) / length, 0, SLOWDOWN_GUEST_IO_MOST) : 0;
}

bool slowdown_estimate(const struct sampler *s, size_t p, struct slowdown *out)
{
	double sum[PARTS] = { 0 }, partner = 0, time, delayed, cores, hidden;
	bool requests = sampler_blame_present(s, BLAME_REQUEST) && value(s, p, METRIC_REQ) > 0;

	if (!requests && (s->values[p][METRIC_CPU_ON] == SESSION_ABSENT || !sampler_blame_present(s, BLAME_CPU)))
		return false;
	time = requests ? by_requests(s, p, sum, &partner) : by_cpu(s, p, sum);
	if (time <= 0)
		return false;
	delayed = sum[SERVICES] + sum[LIKELY];
	neighbours_did(s, p, &cores, &hidden);
	*out = (struct slowdown){
		.time_ns = time,
		.delayed_ns = within(delayed - partner, 0, time),
		.low_ns = within(time - (time - within(sum[SERVICES] - partner, 0, time)) / (1 - SLOWDOWN_CHEAPER * cores), 0, time),
		.high_ns = time - (time - within(delayed + sum[MACHINE], 0, time)) / (1 + SLOWDOWN_DEARER * cores + hidden),
	};
	return true;
}

double slowdown_ratio(double time_ns, double delayed_ns)
{
	return time_ns - delayed_ns < time_ns / SLOWDOWN_MAX ? SLOWDOWN_MAX : time_ns / (time_ns - delayed_ns);
}
