/*
 * The kernel's enum skb_drop_reason (Linux 5.17+) in the classes of enum net_drop (probes/net.h). Its numbers differ from kernel to
 * kernel, so they are taken by name from the running kernel's type information; a reason without a rule is NET_DROP_OTHER.
 */
#ifndef PROBES_NET_DROP_H
#define PROBES_NET_DROP_H

#include <stdint.h>

#include "probes/net.h"

void net_drop_classes(uint8_t *classes); /* NET_REASONS of them, zero before */

#endif
