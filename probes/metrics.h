/*
 * What probes deliver per slot and interval, as tables: one row adds a counter, a histogram or a blame resource.
 * Rows are MACRO(ID, name, help); a counter's name ends with its unit. Used through struct probe_sample (probes/probe.h).
 */
#ifndef PROBES_METRICS_H
#define PROBES_METRICS_H

/* Counters are differences over the interval; gauges (last column 1) are values at its end. */
#define PROBE_COUNTERS(X) \
	X(CPU_RUN, "cpu_run_ns", "on CPU, without interrupts and steal", 0) \
	X(CPU_IRQ, "cpu_irq_ns", "interrupts and softirqs that ran on top of it", 0) \
	X(CPU_STEAL, "cpu_steal_ns", "time on a CPU in which the hypervisor ran something else", 0) \
	X(CPU_WAIT, "cpu_wait_ns", "waiting in run queues", 0) \
	X(CPU_WAITS, "cpu_waits", "waits in run queues that ended", 0) \
	X(CPU_SWITCHES, "cpu_switches", "times it was put on a CPU", 0) \
	X(CPU_PREEMPTIONS, "cpu_preemptions", "times it was taken off a CPU while it could run", 0) \
	X(CPU_MIGRATIONS, "cpu_migrations", "moves of its tasks between CPUs", 0) \
	X(CPU_THROTTLED, "cpu_throttled_ns", "part of the wait that its own quota caused", 0) \
	X(CPU_SMT, "cpu_smt_ns", "on CPU beside a busy sibling thread", 0) \
	X(DISK_READ_BYTES, "disk_read_bytes", "bytes read from block devices", 0) \
	X(DISK_WRITE_BYTES, "disk_write_bytes", "bytes written to block devices, writeback included", 0) \
	X(DISK_DISCARD_BYTES, "disk_discard_bytes", "bytes discarded", 0) \
	X(DISK_READS, "disk_reads_count", "read requests completed", 0) \
	X(DISK_WRITES, "disk_writes_count", "write requests completed", 0) \
	X(DISK_FLUSHES, "disk_flushes_count", "flush requests completed", 0) \
	X(DISK_DISCARDS, "disk_discards_count", "discard requests completed", 0) \
	X(DISK_MERGES, "disk_merges_count", "requests absorbed by a neighbouring one", 0) \
	X(DISK_QUEUE, "disk_queue_ns", "time its requests were queued before the device got them", 0) \
	X(DISK_DEVICE, "disk_device_ns", "time its requests were with the device", 0) \
	X(DISK_OUTSTANDING, "disk_outstanding_ns", "request-time outstanding, queued or with the device", 0) \
	X(DISK_FSYNC, "disk_fsync_ns", "time its threads waited in fsync and relatives (ext4, f2fs)", 0) \
	X(DISK_BY_CGROUP, "disk_by_cgroup_count", "requests whose owner is their bio's blkio cgroup", 0) \
	X(DISK_BY_TASK, "disk_by_task_count", "requests whose owner is the task that queued them", 0) \
	X(DISK_BY_INODE, "disk_by_inode_count", "requests whose owner is the task that dirtied the file", 0) \
	X(NET_RX_BYTES, "net_rx_bytes", "bytes received by its sockets, headers from IP on included (TCP: as the kernel counts in the socket)", 0) \
	X(NET_TX_BYTES, "net_tx_bytes", "bytes sent by its sockets, headers from IP on included (TCP: as the kernel counts in the socket)", 0) \
	X(NET_RX_PACKETS, "net_rx_packets_count", "packets received", 0) \
	X(NET_TX_PACKETS, "net_tx_packets_count", "packets sent", 0) \
	X(NET_RETRANSMITS, "net_retransmits_count", "TCP segments sent again", 0) \
	X(NET_DROPS, "net_drops_count", "packets dropped that belonged to its sockets, for any reason", 0) \
	X(NET_DROPS_BUFFER, "net_drops_buffer_count", "dropped: its socket's buffer, backlog or protocol memory was full", 0) \
	X(NET_DROPS_QUEUE, "net_drops_queue_count", "dropped: a transmit queue or a CPU's backlog was full", 0) \
	X(NET_DROPS_FILTER, "net_drops_filter_count", "dropped by netfilter, tc, BPF or a policy", 0) \
	X(NET_DROPS_NOBODY, "net_drops_nobody_count", "dropped: no socket, protocol, device or route took it", 0) \
	X(NET_DROPS_DAMAGED, "net_drops_damaged_count", "dropped: checksum or header was wrong", 0) \
	X(NET_DROPS_PROTOCOL, "net_drops_protocol_count", "dropped: TCP had no use for it (duplicate, out of window, after close)", 0) \
	X(NET_OVERFLOWS, "net_listen_overflows_count", "connection attempts that its listeners dropped, their accept queues being full", 0) \
	X(NET_TX_DELAY, "net_tx_delay_ns", "time its packets waited in transmit queues", 0) \
	X(NET_SOFTIRQ, "net_softirq_ns", "receive softirq time spent for its sockets (may be sampled: see the probe's note)", 0) \
	X(MEM_EVICTED, "mem_evicted_pages", "page-cache pages of it that reclaim took", 0) \
	X(MEM_EVICTED_BY_OTHERS, "mem_evicted_by_others_pages", "of them, those taken on behalf of others", 0) \
	X(MEM_REREAD, "mem_reread_pages", "evicted pages that its tasks brought back", 0) \
	X(MEM_REFAULT_WAITS, "mem_refault_waits", "times its tasks slept for evicted pages", 0) \
	X(MEM_REFAULT_WAIT, "mem_refault_wait_ns", "time its tasks slept while evicted pages were read again", 0) \
	X(MEM_RECLAIMS, "mem_reclaims", "times its tasks had to reclaim memory themselves", 0) \
	X(MEM_RECLAIM, "mem_reclaim_ns", "time they spent doing so", 0) \
	X(HW_CYCLES, "hw_cycles_count", "CPU cycles", 0) \
	X(HW_REF_CYCLES, "hw_ref_cycles_count", "cycles at the reference frequency", 0) \
	X(HW_INSTRUCTIONS, "hw_instructions_count", "instructions retired", 0) \
	X(HW_LLC_REFERENCES, "hw_llc_references_count", "last-level cache references", 0) \
	X(HW_LLC_MISSES, "hw_llc_misses_count", "last-level cache misses", 0) \
	X(HW_ENABLED, "hw_enabled_ns", "time that counters were enabled in observed slices, all counters together", 0) \
	X(HW_RUNNING, "hw_running_ns", "time that they really counted", 0) \
	X(REQ, "req_count", "requests answered at its sockets", 0) \
	X(REQ_TIME, "req_time_ns", "sum of request latencies", 0) \
	X(REQ_DISK, "req_disk_ns", "part of req_time_ns in which the answering thread slept uninterruptibly", 0) \
	X(REQ_PARTNER, "req_partner_ns", "part of req_time_ns that its own clients on this node caused", 0) \
	X(REQ_BACKLOG, "req_backlog_ns", "part of req_time_ns behind a queue that a neighbour let grow", 0) \
	X(REQ_TURN, "req_turn_ns", "time between a response and the next request on the same connection, where short", 0) \
	X(REQ_TURN_BLAMED, "req_turn_blamed_ns", "part of req_turn_ns that the clients' neighbours on this node caused", 0)

#define PROBE_HISTS(X) \
	X(CPU_WAIT, "cpu_wait_ns", "whole waits in run queues") \
	X(DISK_READ_QUEUE, "disk_read_queue_ns", "queue time per read") \
	X(DISK_READ_DEVICE, "disk_read_device_ns", "device time per read") \
	X(DISK_WRITE_QUEUE, "disk_write_queue_ns", "queue time per write") \
	X(DISK_WRITE_DEVICE, "disk_write_device_ns", "device time per write") \
	X(DISK_FLUSH_QUEUE, "disk_flush_queue_ns", "queue time per flush") \
	X(DISK_FLUSH_DEVICE, "disk_flush_device_ns", "device time per flush") \
	X(DISK_FSYNC, "disk_fsync_ns", "wait per fsync or relative") \
	X(NET_RTT, "net_rtt_ns", "smoothed round-trip time, once per interval of every TCP connection that received") \
	X(NET_TX_DELAY, "net_tx_delay_ns", "transmit-queue wait per packet") \
	X(MEM_REFAULT_WAIT, "mem_refault_wait_ns", "sleep for evicted pages, per sleep") \
	X(REQ_LATENCY, "req_latency_ns", "latency from request to response at its sockets")

#define PROBE_BLAMES(X) \
	X(CPU, "cpu", "run-queue wait by who held the CPU") \
	X(SMT, "smt", "time on CPU by who ran on the sibling thread") \
	X(DISK, "disk", "request-time outstanding by who shared the device") \
	X(NET, "net", "waiting in transmit queues by whose packet held the device") \
	X(SOFTIRQ, "softirq", "receive softirqs and disk interrupts on top of its tasks by whose packets and requests they were") \
	X(REQUEST, "request", "request latency by who held up the answering thread; its own row takes the rest") \
	X(MEMORY, "memory", "sleep for evicted pages by whose allocations evicted them")

#define PROBE_ENUM4(id, name, help, gauge) PROBE_COUNTER_##id,
#define PROBE_ENUM_HIST(id, name, help) PROBE_HIST_##id,
#define PROBE_ENUM_BLAME(id, name, help) PROBE_BLAME_##id,
enum probe_counter { PROBE_COUNTERS(PROBE_ENUM4) PROBE_N_COUNTERS };
enum probe_hist { PROBE_HISTS(PROBE_ENUM_HIST) PROBE_N_HISTS };
enum probe_blame { PROBE_BLAMES(PROBE_ENUM_BLAME) PROBE_N_BLAMES };

struct probe_metric {
	const char *name, *help;
	int gauge;
};
extern const struct probe_metric probe_counters[PROBE_N_COUNTERS];
extern const struct probe_metric probe_hists[PROBE_N_HISTS];
extern const struct probe_metric probe_blames[PROBE_N_BLAMES];

#endif
