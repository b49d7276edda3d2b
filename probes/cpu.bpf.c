/*
 * CPU probe: who ran, who waited, and for whom. Entry points only; the method stands in cpu.bpf.h.
 *
 * sched_switch       a slice ends and another begins; a task that could run on goes back to waiting
 * sched_wakeup[_new] a task starts to wait (a wakeup of one that is on a CPU is none)
 * sched_migrate_task a waiting task goes to another CPU's queue
 * sched_process_fork children of a selected process tree belong to it
 * a run on each CPU, a walk over all tasks: at the edges of a watch (cpu_watch.bpf.h)
 * irq, softirq       interrupt clock, only on kernels that keep none per run queue (no CONFIG_IRQ_TIME_ACCOUNTING)
 */
#include "probes/cpu.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/sched_switch")
int BPF_PROG(cpu_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 cpu = bpf_get_smp_processor_id();
	struct cpu_state *cs = cpu_of(cpu);

	if (!cs)
		return 0;
	if (!watched(cs, now))
		return lingers(cs, now) ? linger_switch(cs, prev, next, now) : 0;
	state_lock(cs);
	cs->switch_runs++;
	if (*(volatile __u64 *)&cs->inbox_total != cs->inbox_taken)
		inbox_take(cs, now);
	if ((__u32)prev->pid != cs->pid)
		slice_rebuild(cs, cpu, prev, now);
	slice_close(cs, prev, now);
	cs->irq_depth = 0; /* no interrupt spans a switch: forget entries whose exit was missed while attaching */
	if (prev->pid && (preempt || !prev->__state))
		task_depart(cs, cpu, prev, now);
	else if (prev->pid && cs->serving)
		sleep_begin(prev, now);
	cs->occupant = next->pid ? task_arrive(cs, cpu, next) : SLOT_WAKEUP;
	cs->pid = next->pid;
	victim_of(cs, cs->occupant)->switches++;
	state_unlock(cs);
	return 0;
}

static __always_inline int wake(struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 cpu = cpu_of_task(task);
	struct cpu_state *cs;
	struct task_rec *rec;

	if (task->on_cpu)
		return 0;
	cs = cpu_of(cpu);
	if (!cs)
		return 0;
	rec = task_record(task);
	if (!watched(cs, now)) {
		if (rec && lingers(cs, now))
			rec->settled_at = cs->since;
		return 0;
	}
	state_lock(cs);
	cs->wakeup_runs++;
	if (!rec)
		cs->lost_storage++;
	else if (!wait_seen(cs, rec))
		wait_begin(cs, cpu, task, rec, now);
	state_unlock(cs);
	if (rec && rec->flags & TASK_SERVES && rec->sleep_start >= cs->since)
		sleep_end(task, rec, now);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(cpu_wakeup, struct task_struct *task)
{
	return wake(task);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(cpu_wakeup_new, struct task_struct *task)
{
	return wake(task);
}

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(cpu_migrate, struct task_struct *task, int dest_cpu)
{
	struct task_rec *rec = bpf_task_storage_get(&tasks, task, 0, 0);
	struct cpu_state *here = cpu_of(bpf_get_smp_processor_id()), *from, *to;
	struct cpu_victim *v;
	__u64 now;

	if (!rec || !here)
		return 0;
	now = bpf_ktime_get_ns();
	if (!watched(here, now))
		return 0;
	victim_of(here, rec->slot)->migrations++;
	from = cpu_of(rec->cpu);
	to = cpu_of(dest_cpu);
	if (!from || !to || !wait_seen(from, rec))
		return 0;
	v = victim_of(from, rec->wait_slot);
	state_lock(from);
	if (*(volatile __u64 *)&from->inbox_total != from->inbox_taken) /* it may itself have come that way just now */
		inbox_take(from, now);
	wait_leave(from, v, rec, now);
	v->missed -= now - from->slice_start;
	if (rec->flags & TASK_SERVES)
		wait_log_queue(from, task, rec, now, throttled_until(v, rec, now));
	state_unlock(from);
	rec->queue_start = now;
	rec->cpu = dest_cpu;
	__sync_fetch_and_add(&to->inbox[slot_bound(rec->wait_slot)], (now << INBOX_COUNT_BITS) + 1);
	__sync_fetch_and_add(&to->inbox_total, 1);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(cpu_fork, struct task_struct *parent, struct task_struct *child)
{
	struct slot_ctl *ctl = slot_control();
	struct task_rec *rec;
	__u32 tree;

	if (!ctl || !(ctl->kinds & (1u << SLOT_TREE)))
		return 0;
	rec = bpf_task_storage_get(&tasks, parent, 0, 0);
	tree = slot_of_id(SLOT_TREE, (__u32)parent->tgid);
	if (tree == SLOT_OTHER && rec)
		tree = rec->tree;
	if (tree == SLOT_OTHER)
		return 0;
	rec = task_record(child);
	if (rec) {
		rec->tree = tree;
		rec->generation = ctl->generation - 1;
	}
	return 0;
}

/* Run by user space on each CPU once a watch has begun: who is there has been there since it began, if no switch was seen. */
SEC("raw_tp")
int cpu_seed(void *unused)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cpu_state *cs = cpu_of(bpf_get_smp_processor_id());
	struct task_rec *rec;

	if (!cs || cs->pid != NO_PID || !watched(cs, bpf_ktime_get_ns()))
		return 0;
	rec = task->pid ? task_record(task) : NULL;
	if (task->pid && !rec)
		return 0;
	cs->irq_mark = irq_clock(cs, task);
	cs->steal_mark = steal_clock(task);
	cs->serving = rec ? rec->flags & TASK_SERVES : 0;
	cs->occupant = rec ? slot_of_task(task, rec) : SLOT_WAKEUP;
	cs->pid = task->pid;
	return 0;
}

/* Read by user space when a watch has begun (whom does its quota hold back?) and when it has ended (who waited all through it?). */
SEC("iter/task")
int cpu_walk(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct cpu_state *cs;
	struct task_rec *rec;

	if (!task || !wait_age(task))
		return 0;
	cs = cpu_of(cpu_of_task(task));
	rec = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!cs || !rec)
		return 0;
	if (!walk_at_start)
		return wait_spans(cs, task, rec, bpf_ktime_get_ns());
	slot_of_task(task, rec);
	if (rec->flags & TASK_QUOTA && !wait_seen(cs, rec) && task->se.cfs_rq->throttle_count > 0)
		rec->throttled_at = cs->since;
	return 0;
}

static __always_inline int irq_enter(void)
{
	struct cpu_state *cs = cpu_of(bpf_get_smp_processor_id());

	if (cs && cs->irq_depth++ == 0)
		cs->irq_start = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int irq_exit(void)
{
	struct cpu_state *cs = cpu_of(bpf_get_smp_processor_id());

	if (!cs || !cs->irq_depth || --cs->irq_depth)
		return 0;
	cs->irq_runs++;
	cs->irq_ns += bpf_ktime_get_ns() - cs->irq_start;
	return 0;
}

SEC("tp_btf/irq_handler_entry")
int BPF_PROG(cpu_irq_entry)
{
	return irq_enter();
}

SEC("tp_btf/irq_handler_exit")
int BPF_PROG(cpu_irq_exit)
{
	return irq_exit();
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(cpu_softirq_entry)
{
	return irq_enter();
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(cpu_softirq_exit)
{
	return irq_exit();
}
