/* Reasons for dropping a packet, from the kernel's many to the few of enum net_drop. */
#include "probes/net_drop.h"

#include <bpf/btf.h>
#include <string.h>

/* The kernel's reasons for dropping a packet, by their names; a trailing * stands for any rest. */
static const struct { const char *name; enum net_drop class; } drop_names[] = {
	{ "SOCKET_RCVBUFF", NET_DROP_BUFFER }, { "SOCKET_BACKLOG", NET_DROP_BUFFER }, { "PROTO_MEM", NET_DROP_BUFFER },
	{ "NOMEM", NET_DROP_BUFFER }, { "TCP_LISTEN_OVERFLOW", NET_DROP_BUFFER }, { "TCP_OFO_QUEUE_PRUNE", NET_DROP_BUFFER },
	{ "TCP_ZEROWINDOW", NET_DROP_BUFFER }, { "QDISC_*", NET_DROP_QUEUE }, { "FQ_*", NET_DROP_QUEUE }, { "CPU_BACKLOG", NET_DROP_QUEUE },
	{ "FULL_RING", NET_DROP_QUEUE }, { "NEIGH_QUEUEFULL", NET_DROP_QUEUE }, { "NETFILTER_DROP", NET_DROP_FILTER },
	{ "SOCKET_FILTER", NET_DROP_FILTER }, { "BPF_CGROUP_EGRESS", NET_DROP_FILTER }, { "TC_*", NET_DROP_FILTER },
	{ "XDP", NET_DROP_FILTER }, { "XFRM_POLICY", NET_DROP_FILTER }, { "NO_SOCKET", NET_DROP_NOBODY }, { "OTHERHOST", NET_DROP_NOBODY },
	{ "UNHANDLED_PROTO", NET_DROP_NOBODY }, { "IP_NOPROTO", NET_DROP_NOBODY }, { "IP_OUTNOROUTES", NET_DROP_NOBODY },
	{ "IP_INNOROUTES", NET_DROP_NOBODY }, { "NEIGH_*", NET_DROP_NOBODY }, { "DEV_*", NET_DROP_NOBODY }, { "*_CSUM", NET_DROP_DAMAGED },
	{ "PKT_TOO_SMALL", NET_DROP_DAMAGED }, { "PKT_TOO_BIG", NET_DROP_DAMAGED }, { "IP_INHDR", NET_DROP_DAMAGED }, { "HDR_TRUNC", NET_DROP_DAMAGED },
	{ "SKB_*", NET_DROP_DAMAGED }, { "TCP_*", NET_DROP_PROTOCOL },
};

static bool name_matches(const char *pattern, const char *name)
{
	size_t length = strlen(pattern), own = strlen(name);

	if (pattern[0] == '*')
		return own >= length - 1 && !strcmp(name + own - (length - 1), pattern + 1);
	return pattern[length - 1] == '*' ? !strncmp(pattern, name, length - 1) : !strcmp(pattern, name);
}

static enum net_drop drop_class(const char *name)
{
	for (size_t i = 0; i < sizeof(drop_names) / sizeof(drop_names[0]); i++)
		if (name_matches(drop_names[i].name, name))
			return drop_names[i].class;
	return NET_DROP_OTHER;
}

/* The numbers of reasons differ from kernel to kernel; its type information has their names. */
void net_drop_classes(uint8_t *classes)
{
	static const char prefix[] = "SKB_DROP_REASON_";
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, "skb_drop_reason", BTF_KIND_ENUM) : -1;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_enum *value = &btf_enum(t)[i];
		const char *name = btf__name_by_offset(btf, value->name_off);

		if (!strncmp(name, prefix, sizeof(prefix) - 1) && value->val >= 0 && value->val < NET_REASONS)
			classes[value->val] = (uint8_t)drop_class(name + sizeof(prefix) - 1);
	}
	btf__free(btf);
}
