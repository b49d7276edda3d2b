/*
 * Task or cgroup -> slot inside BPF, and the maps that all probes share (probe_share() in probes/table.h).
 *
 * The answer for a task is kept in its task_rec and holds while the task keeps its css_set and nobody raised
 * slot_ctl.generation; so the walk up the cgroup tree happens once per task, not once per event. A selected process tree
 * wins over cgroups; of nested selected cgroups the innermost wins.
 */
#ifndef PROBES_SLOT_BPF_H
#define PROBES_SLOT_BPF_H

#include "probes/kernel.bpf.h"
#include "probes/events.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLOT_MAP_ENTRIES);
	__type(key, struct slot_key);
	__type(value, __u32);
} slot_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slot_ctl);
} slot_ctl SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_rec);
} tasks SEC(".maps");

static __always_inline struct slot_ctl *slot_control(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&slot_ctl, &zero);
}

/* The id's own slot, SLOT_OTHER when it is not selected. */
static __always_inline __u32 slot_of_id(__u32 kind, __u64 id)
{
	struct slot_key key = { .id = id, .kind = kind };
	__u32 *slot = bpf_map_lookup_elem(&slot_map, &key);

	return slot && *slot < SLOTS ? *slot : SLOT_OTHER;
}

/* The nearest selected ancestor-or-self. `css` may be any css of the hierarchy that `kind` names (cgroup.self included). */
static __always_inline __u32 slot_of_css(struct slot_ctl *ctl, __u32 kind, struct cgroup_subsys_state *css)
{
	__u32 slot;

	if (!(ctl->kinds & (1u << kind)))
		return SLOT_OTHER;
	for (int i = 0; i < SLOT_DEPTH && css; i++) {
		slot = slot_of_id(kind, css->cgroup->kn->id);
		if (slot != SLOT_OTHER)
			return slot;
		css = css->parent;
	}
	if (css)
		__sync_fetch_and_add(&ctl->lost_depth, 1);
	return SLOT_OTHER;
}

/* Selected trees: the process itself, or what its parents were when it was born (fork copies rec->tree). */
static __always_inline __u32 slot_of_tree(struct slot_ctl *ctl, struct task_struct *task, struct task_rec *rec)
{
	__u32 slot;

	if (!(ctl->kinds & (1u << SLOT_TREE)))
		return SLOT_OTHER;
	slot = slot_of_id(SLOT_TREE, (__u32)task->tgid);
	return slot != SLOT_OTHER ? slot : rec->tree;
}

static __always_inline bool task_has_quota(struct task_struct *task)
{
	struct task_group *group = task->sched_task_group;

	if (!bpf_core_field_exists(group->cfs_bandwidth))
		return false;
	for (int i = 0; i < SLOT_DEPTH && group; i++, group = group->parent)
		if (group->cfs_bandwidth.quota != CGROUP_QUOTA_NONE)
			return true;
	return false;
}

static __noinline void slot_refresh(struct slot_ctl *ctl, struct task_struct *task, struct task_rec *rec)
{
	__u32 slot = SLOT_OTHER;

	rec->css_set = (__u64)task->cgroups;
	rec->generation = ctl->generation;
	rec->flags = (rec->flags & ~TASK_QUOTA) | (task_has_quota(task) ? TASK_QUOTA : 0);
	if (task->flags & PF_KTHREAD) {
		rec->slot = SLOT_KERNEL;
		return;
	}
	slot = slot_of_tree(ctl, task, rec);
	if (slot == SLOT_OTHER)
		slot = slot_of_css(ctl, SLOT_CGROUP2, &task->cgroups->dfl_cgrp->self);
	if (slot == SLOT_OTHER)
		slot = slot_of_css(ctl, SLOT_CPU1, &task->sched_task_group->css);
	rec->slot = slot;
}

/* Slot of a task whose record is at hand; always < SLOTS. */
static __always_inline __u32 slot_of_task(struct task_struct *task, struct task_rec *rec)
{
	struct slot_ctl *ctl = slot_control();

	if (!ctl)
		return SLOT_OTHER;
	if (rec->css_set != (__u64)task->cgroups || rec->generation != ctl->generation)
		slot_refresh(ctl, task, rec);
	return rec->slot < SLOTS ? rec->slot : SLOT_OTHER;
}

/* Record of a task (a trusted pointer: tracepoint argument or bpf_get_current_task_btf()); NULL when memory is short. */
static __always_inline struct task_rec *task_record(struct task_struct *task)
{
	return bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* Of the task that runs here now. */
static __always_inline __u32 slot_of_current(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_rec *rec = task_record(task);

	return rec ? slot_of_task(task, rec) : SLOT_OTHER;
}

#endif
