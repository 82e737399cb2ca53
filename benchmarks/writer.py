"""A process that writes as the worker does until its input ends, and then prints how long its transactions took.

    python writer.py '{"dbname": "…"}' FLOW_ID
"""

import json
import statistics
import sys
import threading
import time

import psycopg2
import psycopg2.extensions

RECORDS = 20


def write(cursor, flow_id, connection_id, chosen):
    cursor.execute(
        "INSERT INTO integration_exchange (connection_id, flow_id, create_date, method, url, status, request_body) "
        "SELECT %s, %s, now() AT TIME ZONE 'UTC', 'PUT', 'http://127.0.0.1/x', 200, 'text' "
        "FROM generate_series(1, %s) RETURNING id", [connection_id, flow_id, RECORDS])
    exchanges = [row[0] for row in cursor.fetchall()]
    cursor.execute(
        "UPDATE integration_sync SET revision = revision + 1, write_date = now() AT TIME ZONE 'UTC' WHERE id = ANY(%s)",
        [chosen])
    cursor.execute(
        "INSERT INTO integration_log (sync_id, flow_id, exchange_id, create_date, outcome, duration_ms) "
        "SELECT v.sync_id, %s, v.exchange_id, now() AT TIME ZONE 'UTC', 'updated', 1 "
        "FROM unnest(%s::int[], %s::int[]) AS v(sync_id, exchange_id)", [flow_id, chosen, exchanges])
    # Two records that turn out to be one take their history along: old lines are written, too.
    cursor.execute("UPDATE integration_log SET sync_id = sync_id WHERE sync_id = %s", [chosen[0]])


def main():
    connection = psycopg2.connect(**json.loads(sys.argv[1]))
    connection.set_session(isolation_level=psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ)
    flow_id = int(sys.argv[2])
    stop = threading.Event()

    def wait_for_the_end():
        sys.stdin.readline()
        stop.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    cursor = connection.cursor()
    cursor.execute("SELECT connection_id FROM integration_flow WHERE id = %s", [flow_id])
    connection_id = cursor.fetchone()[0]
    cursor.execute("SELECT id FROM integration_sync WHERE flow_id = %s ORDER BY id", [flow_id])
    ids = [row[0] for row in cursor.fetchall()]
    connection.commit()
    print("writing", flush=True)
    taken, disturbed = [], 0
    while not stop.is_set():
        chosen = [ids[(len(taken) * RECORDS + number) % len(ids)] for number in range(RECORDS)]
        started = time.perf_counter()
        for _attempt in range(5):
            try:
                write(cursor, flow_id, connection_id, chosen)
                connection.commit()
                break
            except psycopg2.errors.SerializationFailure:  # as the worker: it does the slice again, and that is waiting, too
                connection.rollback()
                disturbed += 1
        taken.append(time.perf_counter() - started)
        time.sleep(0.005)
    print(json.dumps({
        "transactions": len(taken), "longest": max(taken), "median": statistics.median(taken),
        "disturbed": disturbed}), flush=True)


if __name__ == "__main__":
    main()
