"""Loads of the lab with Kafka, Cassandra and Spark: jvm_load.py SERVICE ACTION PORT (see jvm.sh).

A load works for $COTENANT_SECONDS, always with the same number of requests under way, and prints what it counted:
throughput=N per second, mean_us=N, p99_us=N.
"""
import http.server
import os
import sys
import threading
import time
import urllib.request

SECONDS = float(os.environ.get("COTENANT_SECONDS", "1"))


def timed(work, units):
    """work() again and again until the time is over; units of work in each."""
    took, start = [], time.monotonic()
    while not took or time.monotonic() - start < SECONDS:
        begin = time.monotonic()
        work()
        took.append(time.monotonic() - begin)
    return took, units * len(took) / (time.monotonic() - start)


def figures(took, per_s):
    took.sort()
    return "throughput=%.1f mean_us=%.1f p99_us=%.1f" % (per_s, 1e6 * sum(took) / len(took), 1e6 * took[int(len(took) * 0.99)])


class Kafka:
    """Batches of 100 messages of 1 KiB, each acknowledged before the next is sent."""

    def __init__(self, port):
        from confluent_kafka.admin import AdminClient
        self.server = {"bootstrap.servers": "127.0.0.1:%s" % port}
        self.admin = AdminClient(self.server)

    def ready(self):
        self.admin.list_topics(timeout=5)

    def prepare(self):
        from confluent_kafka.admin import NewTopic
        for future in self.admin.create_topics([NewTopic("lab", 1, 1)]).values():
            future.result()

    def load(self):
        from confluent_kafka import Producer
        producer = Producer(dict(self.server, acks="all", **{"linger.ms": 0}))
        value = os.urandom(1024)

        def batch():
            for _ in range(100):
                producer.produce("lab", value)
            if producer.flush(30):
                raise TimeoutError("messages were not acknowledged within 30 s")

        batch()
        print(figures(*timed(batch, 100)))


class Cassandra:
    """32 at a time, each writing a row of 256 bytes or reading one."""

    ROWS, AT_ONCE = 20000, 32

    def __init__(self, port):
        from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
        self.cluster = Cluster(["127.0.0.1"], port=int(port), connect_timeout=10,
                               execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(request_timeout=30)})

    def ready(self):
        self.cluster.connect().execute("SELECT release_version FROM system.local")

    def prepare(self):
        from cassandra.concurrent import execute_concurrent_with_args
        session = self.cluster.connect()
        session.execute("CREATE KEYSPACE lab WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        session.execute("CREATE TABLE lab.rows (key int PRIMARY KEY, value blob)")
        insert = session.prepare("INSERT INTO lab.rows (key, value) VALUES (?, ?)")
        execute_concurrent_with_args(session, insert, [(key, os.urandom(256)) for key in range(self.ROWS)], concurrency=self.AT_ONCE)

    def load(self):
        from cassandra.concurrent import execute_concurrent
        session = self.cluster.connect("lab")
        insert = session.prepare("INSERT INTO rows (key, value) VALUES (?, ?)")
        select = session.prepare("SELECT value FROM rows WHERE key = ?")
        value, key = os.urandom(256), [0]

        def batch():
            statements = []
            for _ in range(self.AT_ONCE // 2):
                key[0] = (key[0] + 7919) % self.ROWS
                statements += [(insert, (key[0], value)), (select, ((key[0] * 31) % self.ROWS,))]
            execute_concurrent(session, statements, concurrency=self.AT_ONCE)

        batch()
        print(figures(*timed(batch, self.AT_ONCE)))


class Spark:
    """A driver with one core that groups and sums half a million rows, shuffle included, whenever it is asked to; rows per second."""

    ROWS = 500000

    def __init__(self, port):
        self.port = int(port)

    def serve(self):
        from pyspark.sql import SparkSession
        home = "/var/tmp/cotenant-lab/spark"
        spark = (SparkSession.builder.master("local[1]").appName("lab").config("spark.ui.enabled", "false")
                 .config("spark.driver.memory", "1g").config("spark.driver.extraJavaOptions", "-XX:+UseSerialGC")
                 .config("spark.local.dir", home).config("spark.sql.shuffle.partitions", "4").getOrCreate())
        frame = spark.range(self.ROWS).selectExpr("hash(id) % 50000 AS k", "id AS v")
        lock = threading.Lock()

        def job():
            frame.groupBy("k").sum("v").selectExpr("count(*)").collect()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                global SECONDS
                with lock:
                    SECONDS = float(self.path.lstrip("/"))
                    text = figures(*timed(job, Spark.ROWS))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *unused):
                pass

        for _ in range(5):
            job()
        http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler).serve_forever()

    def ask(self, seconds):
        with urllib.request.urlopen("http://127.0.0.1:%d/%s" % (self.port, seconds), timeout=60) as answer:
            return answer.read().decode()

    def ready(self):
        self.ask(0)

    def load(self):
        print(self.ask(SECONDS))


def main():
    service, action, port = sys.argv[1:4]
    getattr({"kafka": Kafka, "cassandra": Cassandra, "spark": Spark}[service](port), action)()


main()
