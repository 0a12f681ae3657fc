"""Shows letters that were kept as files: python letter.py FILE ..."""

import email
import email.policy
import sys
from pathlib import Path

if len(sys.argv) < 2:
    sys.exit(__doc__)
for name in sys.argv[1:]:
    letter = email.message_from_bytes(Path(name).read_bytes(), policy=email.policy.default)
    body = letter.get_body(("plain",))
    print(f"To: {letter['To']}\nSubject: {letter['Subject']}\n\n{body.get_content() if body else ''}")
