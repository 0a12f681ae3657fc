"""Which settings are weak, and that a production process does not start with one."""

import subprocess
import sys

import pytest

from pakn.operations.doctor import findings, refused
from pakn.settings import Settings

STRONG = {
    "profile": "production",
    "kafka": {
        "bootstrap": "k1.example:9093,k2.example:9093",
        "security_protocol": "SASL_SSL",
        "username": "pakn.intake",
        "password": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "replication_factor": 3,
    },
    "mongo": {"uri": "mongodb://pakn.intake:0f1e2d3c4b5a@m.example/?tls=true&w=majority&journal=true"},
    "intake": {"secret_key": "8d7c6b5a49382716f5e4d3c2b1a09f8e", "public_url": "https://feedback.example"},
    "smtp": {"host": "mail.gia-lai.example", "tls": "starttls", "sender": "PAKN <phananh@gialai.gov.vn>"},
}
WEAK = {
    "development": {"profile": "development"},
    "weak-secret": {"intake": {"secret_key": "a" * 40}},
    "shared-secret": {"access": {"intake": "0123456789abcdef0123", "notify": "0123456789abcdef0123"}},
    "scaled-time": {"legal_time": {"file": "clock"}},
    "no-login-kafka": {"kafka": {"security_protocol": "SSL"}},
    "plain-text-kafka": {"kafka": {"security_protocol": "SASL_PLAINTEXT"}},
    "one-replica": {"kafka": {"replication_factor": 1}},
    "no-login-mongo": {"mongo": {"uri": "mongodb://m.example/?tls=true&w=majority&journal=true"}},
    "plain-text-mongo": {"mongo": {"uri": "mongodb://a:b@m.example/?w=majority&journal=true"}},
    "unsafe-writes": {"mongo": {"uri": "mongodb://a:b@m.example/?tls=true&w=1"}},
    "no-https": {"intake": {"public_url": "http://feedback.example"}},
    "everybody-trusted": {"http": {"trusted_proxies": "0.0.0.0/0"}},
    "mail-catcher": {"smtp": {"host": "mailpit"}},
    "plain-text-mail": {"smtp": {"tls": "none"}},
    "sender-example": {"smtp": {"sender": "PAKN <no-reply@pakn.example>"}},
}


def made(changes: dict[str, object]) -> Settings:
    """Strong settings with these changed, a level deep."""
    merged = {name: STRONG.get(name, {}) | change if isinstance(change, dict) else change for name, change in changes.items()}
    return Settings.model_validate(STRONG | merged)


def test_nothing_is_found_of_settings_that_are_strong() -> None:
    assert findings(made({})) == []
    login = {"username": "pakn.intake", "password": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}
    assert findings(made({"mongo": login | {"uri": "mongodb://m.example/?tls=true&w=majority&journal=true"}})) == []


@pytest.mark.parametrize("name", WEAK)
def test_each_weak_setting_is_found_alone_and_keeps_a_production_process_from_starting_until_it_is_accepted(name: str) -> None:
    """A province that forgot one setting must learn it from the start that fails, not from its loss."""
    settings = made(WEAK[name])
    assert [finding.name for finding in findings(settings)] == [name]
    if name != "development":
        stopped = [service for service in ("intake", "notify") if refused(settings, service)]
        assert stopped
        accepted = made(WEAK[name] | {"doctor": {"accepted": name}})
        assert [refused(accepted, service) for service in ("intake", "notify")] == [[], []]


def test_a_production_process_that_is_refused_names_every_weak_setting_and_what_to_do() -> None:
    command = [sys.executable, "-m", "pakn", "run", "notify"]
    environment = {"PAKN_PROFILE": "production", "PAKN_DOCTOR__ACCEPTED": "one-replica"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert [line.split(":")[0].strip() for line in said.stderr.splitlines()[1:]] == [
        "no-login-kafka",
        "no-login-mongo",
        "mail-catcher",
        "sender-example",
    ]
