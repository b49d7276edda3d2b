#!/bin/bash
# What the campaign of tests/lab/jvm.json starts: jvm.sh SERVICE start|ready|prepare|load, after tests/lab/jvm_fetch.sh.
# Servers stay on CPU 0 and load generators on CPU 1; everything is on loopback or below two folders, and bounded: brokers keep 256 MiB.
set -eu
service=$1 action=$2
here=$(dirname "$(readlink -f "$0")")
work=/var/tmp/cotenant-jvm # programs; data: /var/tmp/cotenant-lab, which tests/lab/run.sh removes
data=/var/tmp/cotenant-lab
server() { exec taskset -c 0 "$@"; }
client() { PYTHONPATH=$work/python exec taskset -c 1 /usr/bin/python3 "$here/jvm_load.py" "$@"; }
# its tables, then load until the JVM has compiled what the load needs
prepare() { (client "$1" prepare "$2") && COTENANT_SECONDS=$WARM_S client "$1" load "$2"; }
WARM_S=20
number=${service//[!0-9]/} # kafka1, kafka2, …: brokers of their own
port=$((19092 + 10 * ${number:-0}))

kafka_start() {
	local home=$data/$service
	rm -rf "$home"
	mkdir -p "$home"
	cat > "$home/server.properties" << CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
log.dirs=$home/logs
log.segment.bytes=67108864
log.retention.bytes=268435456
log.retention.check.interval.ms=5000
offsets.topic.replication.factor=1
CONF
	java -Xmx128m -cp "$work/kafka/libs/*" kafka.tools.StorageTool format -t 5Kz2kHqbQXKWb1uYJ9wDgA -c "$home/server.properties" > "$home/format.log"
	server java -Xms384m -Xmx384m -XX:+UseSerialGC -cp "$work/kafka/libs/*" kafka.Kafka "$home/server.properties"
}

cassandra_start() {
	local home=$data/cassandra opens=() exports=() one
	rm -rf "$home"
	mkdir -p "$home"
	cat > "$home/cassandra.yaml" << CONF
cluster_name: lab
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: 17000
native_transport_port: 19042
commitlog_sync: periodic
commitlog_sync_period: 1000ms
commitlog_total_space: 256MiB
read_request_timeout: 30s
write_request_timeout: 30s
data_file_directories: [$home/data]
commitlog_directory: $home/commitlog
saved_caches_directory: $home/caches
hints_directory: $home/hints
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{seeds: "127.0.0.1:17000"}]
CONF
	echo '<configuration><appender name="E" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %-5level %msg%n</pattern></encoder></appender><root level="WARN"><appender-ref ref="E"/></root></configuration>' \
		> "$home/logback.xml"
	for one in java.io java.lang java.lang.module java.lang.reflect java.nio java.util java.util.concurrent java.util.concurrent.atomic jdk.internal.loader jdk.internal.math \
		jdk.internal.module jdk.internal.ref jdk.internal.reflect jdk.internal.util.jar jdk.internal.vm sun.nio.ch; do
		opens+=(--add-opens "java.base/$one=ALL-UNNAMED")
	done
	for one in java.base/jdk.internal.misc java.base/java.lang.ref java.base/sun.nio.ch java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry \
		java.rmi/sun.rmi.server java.rmi/sun.rmi.transport.tcp java.sql/java.sql jdk.unsupported/sun.misc; do
		exports+=(--add-exports "$one=ALL-UNNAMED")
	done
	server java -Xms1g -Xmx1g -XX:+UseSerialGC "${opens[@]}" "${exports[@]}" --add-opens jdk.management/com.sun.management.internal=ALL-UNNAMED \
		-Djdk.attach.allowAttachSelf=true -Dlogback.configurationFile="$home/logback.xml" -javaagent:"$(echo $work/cassandra/libs/jamm-*.jar)" -Dcassandra.config="file://$home/cassandra.yaml" \
		-Dcassandra.storagedir="$home" -Dcassandra-foreground=yes -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=1 \
		-cp "$work/cassandra/libs/*" org.apache.cassandra.service.CassandraDaemon
}

case $service.$action in
kafka*.start) kafka_start ;;
kafka*.ready | kafka*.load) client kafka "$action" $port ;;
kafka*.prepare) prepare kafka $port ;;
cassandra.start) cassandra_start ;;
cassandra.ready | cassandra.load) client cassandra "$action" 19042 ;;
cassandra.prepare) prepare cassandra 19042 ;;
spark.start)
	rm -rf $data/spark
	mkdir -p $data/spark
	PYTHONPATH=$work/python SPARK_LOCAL_IP=127.0.0.1 server /usr/bin/python3 "$here/jvm_load.py" spark serve 19400
	;;
spark.ready | spark.load) client spark "$action" 19400 ;;
spark.prepare) COTENANT_SECONDS=$WARM_S client spark load 19400 ;;
*) echo "jvm: no such thing: $service $action" >&2; exit 2 ;;
esac
