"""A portal posts one submission: python post.py PORTAL OWN_ID FILE.json. Posting it again with the same OWN_ID is harmless."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

KAFKA = os.environ.get("KAFKA", "localhost:9092")
NAMESPACE = os.environ.get("NAMESPACE", "pakn")


async def post(portal: str, own_id: str, submission: bytes) -> None:
    """Send the submission and return when Kafka has it on disk."""
    headers = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": own_id,
        "ce_type": "pakn.PortalSubmission.v1",
        "ce_source": f"/{portal}",
        "ce_time": datetime.now(UTC).isoformat(),
    }
    topic = f"{NAMESPACE}.inbox.{portal}"
    async with AIOKafkaProducer(bootstrap_servers=KAFKA, acks="all", enable_idempotence=True) as producer:
        if topic not in (await producer.client.fetch_all_metadata()).topics():
            sys.exit(f"There is no topic {topic}: name a portal of the pack (packs/vn/pack.yaml).")
        kept = await producer.send_and_wait(topic, submission, headers=[(name, text.encode()) for name, text in headers.items()])
        print(f"{own_id} is in {kept.topic}, partition {kept.partition}, offset {kept.offset}")


if len(sys.argv) != 4 or not Path(sys.argv[3]).is_file():
    sys.exit(__doc__)
try:
    asyncio.run(post(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()))
except KafkaConnectionError as error:
    sys.exit(f"Kafka at {KAFKA} does not answer (set KAFKA): {error}")
