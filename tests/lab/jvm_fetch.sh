#!/bin/bash
# Fetches Kafka and Cassandra (Maven), Spark and the loads' client libraries (PyPI) for the lab of tests/lab/jvm.json into
# /var/tmp/cotenant-jvm. For the lab only: neither the build nor the tests know of it. Needs openjdk-17-jre-headless, maven and python3-pip.
set -euo pipefail
work=/var/tmp/cotenant-jvm
kafka=4.1.1 cassandra=5.0.5 spark=4.0.1
mkdir -p $work

# folder, then group:artifact:version …: these and what they need at run time
jars() {
	local folder=$work/$1 one
	shift
	[ ! -e "$folder/.done" ] || return 0
	mkdir -p "$folder"
	{
		echo '<project><modelVersion>4.0.0</modelVersion><groupId>lab</groupId><artifactId>lab</artifactId><version>1</version><packaging>pom</packaging><dependencies>'
		for one in "$@"; do
			IFS=: read -r group artifact version <<< "$one"
			echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
		done
		echo '</dependencies></project>'
	} > "$folder/pom.xml"
	mvn -q -B -f "$folder/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$folder/libs"
	touch "$folder/.done"
}

jars kafka org.apache.kafka:kafka_2.13:$kafka org.apache.kafka:kafka-tools:$kafka
jars cassandra org.apache.cassandra:cassandra-all:$cassandra
[ -e $work/python/.done ] || {
	/usr/bin/python3 -m pip install -q --target $work/python pyspark==$spark confluent-kafka cassandra-driver
	touch $work/python/.done
}
