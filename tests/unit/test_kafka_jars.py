"""What the launcher fetches for Kafka is what the lock file says, and the lock file is sound."""

from services import kafka_process


def test_the_broker_and_its_client_library_are_of_one_version() -> None:
    """The resolver once took kafka-clients 3.8.0 from another coordinate's dependency list, and the broker died at start."""
    jars = kafka_process.locked_jars()
    assert jars["kafka-clients"][0] == jars["kafka_2.13"][0] == jars["kafka-server"][0]


def test_the_lock_file_names_a_checksum_for_each_jar_and_no_address() -> None:
    assert all(len(sha256) == 64 for _, sha256 in kafka_process.locked_jars().values())
    assert "://" not in (kafka_process.PROJECT / "jgo.lock.toml").read_text()
