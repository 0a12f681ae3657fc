"""The language that a client asks for, the same way at every door."""

from collections.abc import Collection


def asked_for(accepted: str, known: Collection[str], otherwise: str) -> str:
    """The language that an `Accept-Language` header likes best among those that are known (RFC 9110, section 12.5.4)."""
    best, most = otherwise, 0.0
    for part in accepted[:1000].split(","):
        name, _, weight = part.partition(";")
        language = name.strip().lower().partition("-")[0]
        try:
            liked = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if language in known and liked > most:
            best, most = language, liked
    return best
