"""Requests to servers of others: what they send beside their answer is not kept, and leads nowhere."""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx


def client(**options: Any) -> httpx.AsyncClient:
    """A client that keeps no cookies and follows no redirects; `options` are httpx's.

    A cookie that is no ASCII would make each later request fail, and many would stay in memory for good.
    """
    jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(cookies=jar, follow_redirects=False, **options)
