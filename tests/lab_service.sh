#!/bin/bash
# What the lab's campaign (tests/lab.json) starts: lab_service.sh SERVICE start|ready|prepare|load.
# Servers stay on CPU 0 and load generators on CPU 1, so that what is measured is the services sharing, not their clients.
# Everything is on loopback or in one folder of its own; a load works for $COTENANT_SECONDS and prints "figure=NUMBER".
set -eu
service=$1 action=$2
seconds=${COTENANT_SECONDS:-1}
work=/var/tmp/cotenant-lab
mkdir -p $work
server() { exec taskset -c 0 "$@"; }
client() { taskset -c 1 "$@"; }
pg_bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
pg() { (cd / && client "$pg_bin/$1" -h $work/pg -U postgres "${@:2}"); }
figure() { sed -n "s/.*$1.*/figure=\1/p" | tail -n 1; }

case $service.$action in
redis.start) server redis-server --port 16379 --bind 127.0.0.1 --save '' --dir $work ;;
redis.ready) redis-cli -p 16379 ping ;;
redis.load)
	ops() { redis-cli -p 16379 info commandstats | tr -d '\r' | sed -n 's/^cmdstat_get:calls=\([0-9]*\).*/\1/p'; }
	before=$(ops) start=$(date +%s%N)
	client timeout "$seconds" redis-benchmark -p 16379 -t get -n 100000000 -c 8 -q > /dev/null || true
	took=$(($(date +%s%N) - start))
	echo "figure=$((($(ops) - ${before:-0}) * 1000000000 / took))"
	;;
memcached.start) server memcached -u nobody -l 127.0.0.1 -p 21211 -t 1 -m 128 ;;
memcached.ready) memcping --servers=127.0.0.1:21211 ;;
memcached.load) client memcaslap -s 127.0.0.1:21211 -T 1 -c 8 -t "${seconds}s" | figure 'TPS: *\([0-9]*\)' ;;
postgres.start)
	rm -rf $work/pg
	install -d -o postgres $work/pg
	(cd / && runuser -u postgres -- "$pg_bin/initdb" -D $work/pg -A trust --no-sync > /dev/null)
	server runuser -u postgres -- "$pg_bin/postgres" -D $work/pg -k $work/pg -c listen_addresses= -c shared_buffers=64MB
	;;
postgres.ready) pg pg_isready ;;
postgres.prepare) pg pgbench -i -s 5 -q postgres ;;
postgres.load) pg pgbench -T "$seconds" -c 4 -j 1 postgres | figure 'tps = \([0-9.]*\)' ;;
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
	chmod -R a+rX $work
	server nginx -c $work/nginx.conf
	;;
nginx.ready) wrk -t1 -c1 -d1s http://127.0.0.1:18080/page ;;
nginx.load) client wrk -t1 -c8 -d"$seconds"s http://127.0.0.1:18080/page | figure 'Requests\/sec: *\([0-9.]*\)' ;;
writer.load)
	trap 'rm -f $work/data' EXIT
	client fio --name=writer --filename=$work/data --size=256M --rw=randwrite --bs=64k --direct=1 --ioengine=libaio --iodepth=8 \
		--time_based --runtime="$seconds" --output-format=terse --terse-version=3 |
		awk -F';' '/^3;/ { print "figure=" $48 }'
	;;
hash.load)
	taskset -c 0 openssl speed -seconds "$seconds" -bytes 16384 -evp sha256 2> /dev/null | awk '/^sha256/ { sub("k", "", $NF); print "figure=" $NF }'
	;;
*) echo "lab_service: no such thing: $service $action" >&2; exit 2 ;;
esac
