"""A Kafka of its own with a second listener, by which the same logins connect over TLS."""

from pathlib import Path

from pakn.local.child_process import free_ports
from pakn.local.kafka_process import KafkaServer
from pakn.logins import KafkaSettings
from tests.support.certificates import make_certificate


class TlsKafka(KafkaServer):
    """Like the Kafka that is started for development; `by_tls` is how the super user reaches its second listener."""

    def __init__(self, folder: Path, jars: Path) -> None:
        super().__init__(folder, jars, speed=False)
        key, self.certificate = make_certificate(folder, "IP:127.0.0.1")
        self._chain = folder / "chain.pem"
        self._chain.write_text(key.read_text() + self.certificate.read_text())
        self._tls_port = 0

    @property
    def by_tls(self) -> KafkaSettings:
        login = {name.removeprefix("PAKN_KAFKA__").lower(): value for name, value in self.environment.items()}
        place = {"bootstrap": f"127.0.0.1:{self._tls_port}", "security_protocol": "SASL_SSL", "ca_file": self.certificate}
        return KafkaSettings.model_validate(login | place)

    def prepare(self) -> list[str]:
        command = super().prepare()
        (self._tls_port,) = free_ports(1)
        settings = Path(command[-1])
        own = dict(line.split("=", 1) for line in settings.read_text().splitlines())
        scram = "scram-sha-512.sasl.jaas.config"
        own |= {
            "listeners": f"{own['listeners']},TLS://127.0.0.1:{self._tls_port}",
            "listener.security.protocol.map": f"{own['listener.security.protocol.map']},TLS:SASL_SSL",
            "listener.name.tls.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            f"listener.name.tls.{scram}": own[f"listener.name.client.{scram}"],
            "listener.name.tls.ssl.keystore.type": "PEM",
            "listener.name.tls.ssl.keystore.location": self._chain.as_posix(),
        }
        settings.write_text("".join(f"{key}={value}\n" for key, value in own.items()))
        return command
