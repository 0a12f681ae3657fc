"""Secrets of a local installation, made once and kept in files that only their owner reads."""

import secrets
from pathlib import Path


def kept_secret(file: Path) -> str:
    """What `file` holds; where there is no such file, 64 random hexadecimal digits, which it holds from now on."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Complete before it has its name: a start that was cut short leaves no empty secret.
        part = file.with_name(f"{file.name}.part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(secrets.token_hex(32))
        part.replace(file)
    return file.read_text()
