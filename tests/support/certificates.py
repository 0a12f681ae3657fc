"""A certificate of `localhost` for the tests of TLS."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

_OPENSSL = shutil.which("openssl")
needs_certificate = pytest.mark.skipif(_OPENSSL is None, reason="no openssl on this machine to make a certificate with")


def make_certificate(folder: Path, name_proven: str = "DNS:localhost") -> tuple[Path, Path]:
    """The files of a key and of its certificate for one name, as openssl writes it; the certificate is its own authority."""
    assert _OPENSSL
    key, made = folder / "key.pem", folder / "made.pem"
    name = ("-subj", "/CN=localhost", "-addext", f"subjectAltName={name_proven}")
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    subprocess.run([_OPENSSL, *new, *name, "-keyout", key, "-out", made], check=True, capture_output=True)
    return key, made


def trusted_certificate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context with a certificate of `localhost`, trusted by this process as an operator's own authority would be."""
    key, made = make_certificate(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    return context
