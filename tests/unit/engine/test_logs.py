"""What goes into the logs of a service, seen in a process of its own: JSON lines, and nothing of what a citizen wrote."""

import json
import subprocess
import sys

CITIZEN = "Nguyễn Văn A, 12 Hùng Vương"
PROGRAM = """
import sys, stamina
from pakn import logs
from pakn.errors import describe
from pymongo.errors import BulkWriteError

def fail():
    raise BulkWriteError({"writeErrors": [{"code": 10334, "op": {"sender": sys.argv[1]}}]})

logs.configure("intake", "INFO")
log = logs.logger("test")
try:
    for attempt in stamina.retry_context(on=BulkWriteError, attempts=2, wait_initial=0, wait_max=0):
        with attempt:
            fail()
except BulkWriteError as error:
    log.exception("turn_failed", error=describe(error))
"""


def test_a_failed_write_is_logged_without_the_document_it_was_about() -> None:
    """The text of a bulk write's error quotes whole documents, and a library that repeats it would log that text too."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, CITIZEN], capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert CITIZEN not in json.dumps(json.loads(line), ensure_ascii=False) + done.stderr
    row = json.loads(line)
    assert (row["service"], row["event"], row["error"]) == ("intake", "turn_failed", "BulkWriteError (code 65)")
    assert row["exception"][0]["exc_type"] == "BulkWriteError"


def test_a_library_that_repeats_itself_is_heard_once_and_a_service_each_time() -> None:
    """Kafka's client wrote 1,900 errors in the five seconds of a restart."""
    program = """
import logging
from pakn import logs
logs.configure("intake", "INFO")
for node in range(3):
    logging.getLogger("aiokafka.conn").error("Unable connect to node %s", node)
    logs.logger("pakn.engine").warning("kafka_lost")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    said = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert said == ["Unable connect to node 0", *["kafka_lost"] * 3]
