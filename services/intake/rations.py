"""Something that there is so much of, such as places or bytes: how much of it each network may hold at one time. Pure.

A line of IPv6 may have 256 networks (a /56), and an organisation 65,536 (a /48). So what a network holds counts for these too.
"""

from collections import Counter
from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from services.intake.rate_limits import Network, is_within

# The length of what a sender has, and its eighths of the whole. Of IPv4 that is an address.
_GRAINS: Final = ((64, 4), (56, 5), (48, 6))
_HOME: Final = 56
# Eighths of the whole that are for those who hold next to nothing.
_KEPT: Final = 2

Holder = Network | None


def home_of(network: Holder) -> Holder:
    """What one sender's line has: the /56 of a network of IPv6, and an address of IPv4."""
    return network.supernet(new_prefix=_HOME) if isinstance(network, IPv6Network) else network


class Rations:
    """`most` there is for all. One network may hold half of it, one /56 five eighths, one /48 three quarters.

    The last quarter is for those who would then hold no more than `little`, and whoever is in `unlimited` may have all.
    """

    def __init__(self, most: int, little: int, unlimited: Collection[Network] = ()) -> None:
        self._most = most
        self._little = little
        self._unlimited = unlimited
        self._held: Counter[Holder] = Counter()
        self._total = 0

    def has(self, network: Holder, amount: int) -> bool:
        """Whether this network may hold so much more."""
        total = self._total + amount
        if total > self._most:
            return False
        if is_within(network, self._unlimited):
            return True
        if any(self._held[grain] + amount > self._share(eighths) for grain, eighths in _grains(network)):
            return False
        is_little = self._held[home_of(network)] + amount <= self._little
        return is_little or total <= self._most - self._most * _KEPT // 8

    def take(self, network: Holder, amount: int) -> bool:
        """Hold so much more, where `has` says so; whether it does."""
        if not self.has(network, amount):
            return False
        self._add(network, amount)
        return True

    def give(self, network: Holder, amount: int) -> None:
        """Hold so much less."""
        self._add(network, -amount)

    def _share(self, eighths: int) -> int:
        return max(self._little, self._most * eighths // 8)

    def _add(self, network: Holder, amount: int) -> None:
        self._total += amount
        for grain, _ in _grains(network):
            self._held[grain] += amount
            # Networks that are gone take no memory.
            if not self._held[grain]:
                del self._held[grain]


def _grains(network: Holder) -> list[tuple[Holder, int]]:
    """What a network counts for, each with its eighths of the whole."""
    if network is None or isinstance(network, IPv4Network):
        return [(network, _GRAINS[0][1])]
    return [(network.supernet(new_prefix=length), eighths) for length, eighths in _GRAINS]
