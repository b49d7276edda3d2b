/*
 * The one table of metrics: a row drives the session's SQL column, JSON, CSV, HTML and OpenMetrics.
 *
 * A name ends with its unit. Kinds: a counter's value is what was added during the interval (not a running total); a gauge is
 * the reading at the interval's end; a hist has no column in `sample`: its buckets stand in table `hist`, and its value in a read session
 * is the number of observations. Adding a metric = one row; older sessions then read as absent there.
 */
#ifndef COLLECTOR_METRIC_H
#define COLLECTOR_METRIC_H

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HIST };

/* id, name, kind, unit, help */
#define METRICS(row)                                                                                                           \
	row(CPU_ON, cpu_on_ns, COUNTER, "ns", "time its threads held a CPU")                                                   \
	row(CPU_WAIT, cpu_wait_ns, COUNTER, "ns", "time its runnable threads waited for a CPU")                                \
	row(CPU_WAIT_HIST, cpu_wait_hist_ns, HIST, "ns", "run-queue wait per scheduling")                                     \
	row(CPU_WAITS, cpu_waits_count, COUNTER, "count", "waits for a CPU that ended")                                         \
	row(CPU_SWITCHES, cpu_switches_count, COUNTER, "count", "times a thread was given a CPU")                             \
	row(CPU_PREEMPTIONS, cpu_preemptions_count, COUNTER, "count", "times a running thread was put back in the queue")     \
	row(CPU_MIGRATIONS, cpu_migrations_count, COUNTER, "count", "times a thread changed its CPU")                         \
	row(CPU_IRQ, cpu_irq_ns, COUNTER, "ns", "interrupt time inside its slices, taken out of cpu_on_ns")                    \
	row(CPU_STEAL, cpu_steal_ns, COUNTER, "ns", "time the hypervisor took inside its slices, taken out of cpu_on_ns")       \
	row(CPU_SIBLING, cpu_sibling_busy_ns, COUNTER, "ns", "time on a CPU whose SMT sibling was busy")                       \
	row(CPU_USAGE, cpu_usage_ns, COUNTER, "ns", "CPU time by the kernel's own cgroup accounting")                          \
	row(CPU_USER, cpu_user_ns, COUNTER, "ns", "user part of cpu_usage_ns")                                                 \
	row(CPU_SYSTEM, cpu_system_ns, COUNTER, "ns", "kernel part of cpu_usage_ns")                                           \
	row(CPU_PERIODS, cpu_periods_count, COUNTER, "count", "quota periods that passed")                                    \
	row(CPU_THROTTLED_PERIODS, cpu_throttled_periods_count, COUNTER, "count", "quota periods in which it was throttled")  \
	row(CPU_WAIT_THROTTLED, cpu_wait_throttled_ns, COUNTER, "ns", "part of cpu_wait_ns that its own quota caused")         \
	row(CPU_THROTTLED, cpu_throttled_ns, COUNTER, "ns", "time it was throttled by its own quota")                          \
	row(DISK_READ_BYTES, disk_read_bytes, COUNTER, "bytes", "bytes read from block devices")                               \
	row(DISK_WRITE_BYTES, disk_write_bytes, COUNTER, "bytes", "bytes written to block devices, writeback included")        \
	row(DISK_DISCARD_BYTES, disk_discard_bytes, COUNTER, "bytes", "bytes discarded")                                       \
	row(DISK_READS, disk_reads_count, COUNTER, "count", "read requests completed")                                         \
	row(DISK_WRITES, disk_writes_count, COUNTER, "count", "write requests completed")                                      \
	row(DISK_FLUSHES, disk_flushes_count, COUNTER, "count", "flush requests completed")                                    \
	row(DISK_DISCARDS, disk_discards_count, COUNTER, "count", "discard requests completed")                                \
	row(DISK_MERGES, disk_merges_count, COUNTER, "count", "requests absorbed by a neighbouring one")                       \
	row(DISK_BY_CGROUP, disk_by_cgroup_count, COUNTER, "count", "requests whose owner is their bio's blkio cgroup")        \
	row(DISK_BY_TASK, disk_by_task_count, COUNTER, "count", "requests whose owner is the task that queued them")           \
	row(DISK_BY_INODE, disk_by_inode_count, COUNTER, "count", "requests whose owner is the task that dirtied the file")    \
	row(DISK_QUEUE, disk_queue_ns, COUNTER, "ns", "time its requests were queued before the device got them")              \
	row(DISK_DEVICE, disk_device_ns, COUNTER, "ns", "time its requests were with the device")                              \
	row(DISK_OUTSTANDING, disk_outstanding_ns, COUNTER, "ns", "request-time outstanding, queued or with the device")       \
	row(DISK_READ_QUEUE_HIST, disk_read_queue_hist_ns, HIST, "ns", "queue time per read")                                 \
	row(DISK_READ_DEVICE_HIST, disk_read_device_hist_ns, HIST, "ns", "device time per read")                              \
	row(DISK_WRITE_QUEUE_HIST, disk_write_queue_hist_ns, HIST, "ns", "queue time per write")                              \
	row(DISK_WRITE_DEVICE_HIST, disk_write_device_hist_ns, HIST, "ns", "device time per write")                           \
	row(DISK_FLUSH_QUEUE_HIST, disk_flush_queue_hist_ns, HIST, "ns", "queue time per flush")                              \
	row(DISK_FLUSH_DEVICE_HIST, disk_flush_device_hist_ns, HIST, "ns", "device time per flush")                           \
	row(DISK_FSYNC, disk_fsync_ns, COUNTER, "ns", "time its threads waited in fsync and relatives")                        \
	row(DISK_FSYNC_HIST, disk_fsync_hist_ns, HIST, "ns", "wait per fsync")                                                \
	row(NET_RX_BYTES, net_rx_bytes, COUNTER, "bytes", "bytes received by its sockets, headers from IP on included")                                   \
	row(NET_TX_BYTES, net_tx_bytes, COUNTER, "bytes", "bytes sent by its sockets, headers from IP on included")                                       \
	row(NET_RX_PACKETS, net_rx_packets_count, COUNTER, "count", "packets received")                                        \
	row(NET_TX_PACKETS, net_tx_packets_count, COUNTER, "count", "packets sent")                                            \
	row(NET_RETRANSMITS, net_retransmits_count, COUNTER, "count", "TCP segments sent again")                               \
	row(NET_DROPS, net_drops_count, COUNTER, "count", "packets dropped that belonged to its sockets, for any reason")      \
	row(NET_DROPS_BUFFER, net_drops_buffer_count, COUNTER, "count", "dropped: its socket's buffer, backlog or protocol memory was full") \
	row(NET_DROPS_QUEUE, net_drops_queue_count, COUNTER, "count", "dropped: a transmit queue or a CPU's backlog was full") \
	row(NET_DROPS_FILTER, net_drops_filter_count, COUNTER, "count", "dropped by netfilter, tc, BPF or a policy")    \
	row(NET_DROPS_NOBODY, net_drops_nobody_count, COUNTER, "count", "dropped: no socket, protocol, device or route took it") \
	row(NET_DROPS_DAMAGED, net_drops_damaged_count, COUNTER, "count", "dropped: checksum or header was wrong")      \
	row(NET_DROPS_PROTOCOL, net_drops_protocol_count, COUNTER, "count", "dropped: TCP had no use for it (duplicate, out of window, after close)") \
	row(NET_LISTEN_OVERFLOWS, net_listen_overflows_count, COUNTER, "count", "connection attempts its listeners dropped, accept queue full") \
	row(NET_RTT_HIST, net_rtt_hist_ns, HIST, "ns", "smoothed round-trip time, once per interval of each connection")                    \
	row(NET_TX_DELAY, net_tx_delay_ns, COUNTER, "ns", "time its packets waited in transmit queues")                        \
	row(NET_TX_DELAY_HIST, net_tx_delay_hist_ns, HIST, "ns", "transmit-queue wait per packet")                            \
	row(NET_SOFTIRQ, net_softirq_ns, COUNTER, "ns", "network softirq time spent for its sockets")                          \
	row(MEM_RESIDENT, mem_resident_bytes, GAUGE, "bytes", "anonymous and shared memory resident")                          \
	row(MEM_CACHE, mem_cache_bytes, GAUGE, "bytes", "page cache charged to it")                                            \
	row(MEM_DIRTY, mem_dirty_bytes, GAUGE, "bytes", "dirty and writeback pages charged to it")                             \
	row(MEM_FAULTS, mem_faults_count, COUNTER, "count", "page faults")                                                     \
	row(MEM_MAJOR_FAULTS, mem_major_faults_count, COUNTER, "count", "page faults that had to read")                        \
	row(MEM_REFAULTS, mem_refaults_count, COUNTER, "count", "evicted pages read again, by the kernel's count of its cgroup") \
	row(MEM_EVICTED_PAGES, mem_evicted_pages_count, COUNTER, "count", "page-cache pages of it that reclaim took")		\
	row(MEM_EVICTED_BY_OTHERS, mem_evicted_by_others_pages_count, COUNTER, "count", "of them, those taken on behalf of others") \
	row(MEM_REREAD, mem_reread_pages_count, COUNTER, "count", "evicted pages that its threads brought back, while recording") \
	row(MEM_REFAULT_WAIT, mem_refault_wait_ns, COUNTER, "ns", "time its threads slept while evicted pages were read again") \
	row(MEM_REFAULT_WAITS, mem_refault_waits_count, COUNTER, "count", "such sleeps")					\
	row(MEM_REFAULT_WAIT_HIST, mem_refault_wait_hist_ns, HIST, "ns", "sleep for evicted pages, per sleep")			\
	row(MEM_RECLAIM, mem_reclaim_ns, COUNTER, "ns", "time its threads spent reclaiming memory themselves")			\
	row(MEM_RECLAIMS, mem_reclaims_count, COUNTER, "count", "times they had to")						\
	row(PSI_CPU_SOME, psi_cpu_some_ns, COUNTER, "ns", "some thread stalled for CPU (PSI)")                                 \
	row(PSI_MEM_SOME, psi_mem_some_ns, COUNTER, "ns", "some thread stalled for memory (PSI)")                              \
	row(PSI_MEM_FULL, psi_mem_full_ns, COUNTER, "ns", "all threads stalled for memory (PSI)")                              \
	row(PSI_IO_SOME, psi_io_some_ns, COUNTER, "ns", "some thread stalled for IO (PSI)")                                    \
	row(PSI_IO_FULL, psi_io_full_ns, COUNTER, "ns", "all threads stalled for IO (PSI)")                                    \
	row(TASKS, tasks_count, GAUGE, "count", "threads, or processes where only those are listed")                           \
	row(HW_CYCLES, hw_cycles_count, COUNTER, "count", "CPU cycles")                                                        \
	row(HW_REF_CYCLES, hw_ref_cycles_count, COUNTER, "count", "cycles at the reference frequency")                         \
	row(HW_INSTRUCTIONS, hw_instructions_count, COUNTER, "count", "instructions retired")                                  \
	row(HW_LLC_REFERENCES, hw_llc_references_count, COUNTER, "count", "last-level cache references")                       \
	row(HW_LLC_MISSES, hw_llc_misses_count, COUNTER, "count", "last-level cache misses")                                   \
	row(HW_ENABLED, hw_enabled_ns, COUNTER, "ns", "time counters were enabled in observed slices, all counters together")                               \
	row(HW_RUNNING, hw_running_ns, COUNTER, "ns", "time of hw_enabled_ns that they really counted")                             \
	row(REQ, req_count, COUNTER, "count", "requests answered at its sockets")                                              \
	row(REQ_TIME, req_time_ns, COUNTER, "ns", "sum of request latencies")                                                  \
	row(REQ_HIST, req_latency_hist_ns, HIST, "ns", "latency from request to response at its sockets")                     \
	row(REQ_BLAMED, req_blamed_ns, COUNTER, "ns", "part of req_time_ns that neighbours caused")                            \
	row(REQ_DISK, req_disk_ns, COUNTER, "ns", "part of req_time_ns in which the answering thread slept uninterruptibly")\
	row(REQ_PARTNER, req_partner_ns, COUNTER, "ns", "part of req_time_ns that its own clients on this node caused")\
	row(REQ_BACKLOG, req_backlog_ns, COUNTER, "ns", "part of req_time_ns behind a queue that a neighbour let grow")\
	row(REQ_TURN, req_turn_ns, COUNTER, "ns", "from a response to the next request on its connection, where short")\
	row(REQ_TURN_BLAMED, req_turn_blamed_ns, COUNTER, "ns", "part of req_turn_ns that the clients' neighbours caused")\
	row(WORK, work_time_ns, COUNTER, "ns", "time on which the estimated slowdown is based")                        \
	row(WORK_DELAYED, work_delayed_ns, COUNTER, "ns", "part of work_time_ns that neighbours caused")               \
	row(WORK_DELAYED_LOW, work_delayed_low_ns, COUNTER, "ns", "lower end of work_delayed_ns")                      \
	row(WORK_DELAYED_HIGH, work_delayed_high_ns, COUNTER, "ns", "upper end of work_delayed_ns")                    \
	row(SLOWDOWN, slowdown_ppm, GAUGE, "ppm", "estimated slowdown by neighbours, 1000000 = none")                          \
	row(SLOWDOWN_LOW, slowdown_low_ppm, GAUGE, "ppm", "lower end of the estimate's interval")                              \
	row(SLOWDOWN_HIGH, slowdown_high_ppm, GAUGE, "ppm", "upper end of the estimate's interval")

#define METRIC_ID(id, name, kind, unit, help) METRIC_##id,
enum metric_id { METRICS(METRIC_ID) N_METRICS };
#undef METRIC_ID

struct metric {
	const char *name, *unit, *help;
	enum metric_kind kind;
};

extern const struct metric metrics[N_METRICS];

/* The metric of that name, or N_METRICS. */
enum metric_id metric_find(const char *name);

#endif
