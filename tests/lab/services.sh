#!/bin/bash
# What the lab's campaign (tests/lab/services.json) starts: services.sh SERVICE start|ready|prepare|load.
# Servers stay on CPU 0 and load generators on CPU 1, so that what is measured is the services sharing, not their threads wandering.
# Everything is on loopback or in one folder of its own; a load works for $COTENANT_SECONDS and prints what its generator
# counted: "throughput=N" per second, and "mean_us=N", "p99_us=N" where the generator knows them.
set -eu
service=$1 action=$2
seconds=${COTENANT_SECONDS:-1}
work=/var/tmp/cotenant-lab
mkdir -p $work
server() { exec taskset -c 0 "$@"; }
client() { taskset -c 1 "$@"; }
pg_bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
pg() { (cd / && client "$pg_bin/$1" -h $work/pg -U postgres "${@:2}"); }

case $service.$action in
redis.start) server redis-server --port 16379 --bind 127.0.0.1 --save '' --dir $work ;;
redis.ready) redis-cli -p 16379 ping ;;
redis.load) # short rounds until the time is over: redis-benchmark stops after a number of requests, not after a time
	start=$(date +%s%N)
	while [ $(($(date +%s%N) - start)) -lt $((seconds * 1000000000)) ]; do
		client redis-benchmark -p 16379 -t get -n 20000 -c 8 --csv 2> /dev/null | tail -n 1
	done | tr -d '"' | sort -t, -k7,7n | awk -F, '{ n++; s += 1 / $2; mean += $3 / $2; p99[n] = $7 }
		END { if (n) printf "throughput=%.1f mean_us=%.2f p99_us=%.2f\n", n / s, 1000 * mean / s, 1000 * (p99[int((n + 1) / 2)] + p99[int((n + 2) / 2)]) / 2 }'
	;;
memcached.start) server memcached -u nobody -l 127.0.0.1 -p 21211 -t 1 -m 128 ;;
memcached.ready) memcping --servers=127.0.0.1:21211 ;;
memcached.load)
	client memcaslap -s 127.0.0.1:21211 -T 1 -c 8 -t "${seconds}s" -S "${seconds}s" |
		awk '/^Total Statistics/ { total = 1 } total && /Avg:/ { mean = $2; total = 0 } /TPS:/ { sub(/.*TPS: */, ""); tps = $1 + 0 }
			END { if (tps) printf "throughput=%s mean_us=%s\n", tps, mean }'
	;;
postgres.start)
	rm -rf $work/pg
	install -d -o postgres $work/pg
	(cd / && runuser -u postgres -- "$pg_bin/initdb" -D $work/pg -A trust --no-sync > /dev/null)
	# no background work that would come and go between runs, no new log segment that costs more than an old one, and room in
	# memory and on every page: a commit costs the same in the first minute and in the thirtieth
	server runuser -u postgres -- "$pg_bin/postgres" -D $work/pg -k $work/pg -c listen_addresses= -c shared_buffers=256MB \
		-c autovacuum=off -c checkpoint_timeout=1d -c max_wal_size=40GB -c wal_init_zero=off -c full_page_writes=off
	;;
postgres.ready) pg pg_isready ;;
postgres.prepare) pg pgbench -i -s 2 -F 50 -q postgres ;;
postgres.load)
	rm -f $work/log/*
	mkdir -p $work/log
	pg pgbench -N -n -T "$seconds" -c 4 -j 1 -l --log-prefix=$work/log/t postgres | sed -n 's/^tps = \([0-9.]*\).*/throughput=\1/p'
	cat $work/log/t.* | awk '{ print $3 }' | sort -n | awk '{ v[NR] = $1; s += $1 }
		END { if (NR) printf "mean_us=%.1f p99_us=%d\n", s / NR, v[int(NR * 0.99) + (NR * 0.99 > int(NR * 0.99))] }'
	;;
nginx.start)
	mkdir -p $work/www
	head -c 16384 /dev/urandom > $work/www/page
	cat > $work/nginx.conf << CONF
worker_processes 1;
daemon off;
pid $work/nginx.pid;
error_log stderr;
events { worker_connections 256; }
http { access_log off; server { listen 127.0.0.1:18080; root $work/www; } }
CONF
	chmod -R a+rX $work/www $work/nginx.conf
	chmod 711 $work
	server nginx -c $work/nginx.conf
	;;
nginx.ready) wrk -t1 -c1 -d1s http://127.0.0.1:18080/page ;;
nginx.load)
	client wrk -t1 -c8 -d"$seconds"s --latency http://127.0.0.1:18080/page |
		awk 'function us(t) { return t ~ /us$/ ? t + 0 : t ~ /ms$/ ? t * 1000 : t * 1000000 }
			/^ *Latency +[0-9]/ { mean = us($2) } /^ *99%/ { p99 = us($2) } /^Requests\/sec:/ { print "throughput=" $2 " mean_us=" mean " p99_us=" p99 }'
	;;
writer.prepare) [ -s $work/data ] || dd if=/dev/zero of=$work/data bs=1M count=128 oflag=direct status=none ;;
writer.load) # one request at a time, over blocks that exist: what the disk's queue and the file system's journal do varies too much
	client fio --name=writer --filename=$work/data --size=128M --rw=randwrite --bs=16k --direct=1 --ioengine=psync --overwrite=1 \
		--time_based --runtime="$seconds" --output-format=terse --terse-version=3 |
		awk -F';' '/^3;/ { for (i = 59; i <= 78; i++) if ($i ~ /^99.000000%=/) { sub(/.*=/, "", $i); p99 = $i }
			print "throughput=" $48 " mean_us=" $81 " p99_us=" p99 }'
	;;
hash.load)
	taskset -c 0 openssl speed -elapsed -seconds "$seconds" -bytes 16384 -evp sha256 2> /dev/null | awk '/^sha256/ { sub("k", "", $NF); print "throughput=" $NF }'
	;;
*) echo "services: no such thing: $service $action" >&2; exit 2 ;;
esac
