"""By what a repeated submission is known to be the same one. Pure."""

import hashlib
import json
from collections.abc import Iterable

from schemas.portal_submission import Submission

_LATER = frozenset({"answers", "commune", "publish_name"})


def of_submission(submission: Submission, language: str, files: Iterable[str]) -> str:
    """The same for the same values and the same files as sent, however both were written down and in whatever order.

    `language` is the one that counts where the submission names none, and `files` are the SHA-256 of each.
    """
    said = submission.model_dump(mode="json", exclude={"attachments"}) | {"language": language}
    # Fields that came later: without them a submission is known by what it was known by before.
    said = {name: value for name, value in said.items() if value or name not in _LATER}
    if sent_at := getattr(submission, "sent_at", None):
        said["sent_at"] = sent_at.timestamp()
    return of(json.dumps(said, sort_keys=True).encode(), *sorted(sha256.encode() for sha256 in files))


def of(*content: bytes) -> str:
    """The same for the same content only."""
    return hashlib.sha256(b"".join(content)).hexdigest()
