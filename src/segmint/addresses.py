"""Addresses as they may be printed and kept.

Example:
    >>> shown("https://jo:pass@host/scene.tif?sig=3f2a&v=1")
    'https://***@host/scene.tif?sig=***&v=1'
"""

import re

_SECRET = re.compile(r"([?&][^=&]*(?:key|token|secret|sig|password)[^=&]*=)[^&#\s]*|(?<=://)[^/@\s]*@", re.IGNORECASE)


def shown(text: str) -> str:
    """An address, or a text with addresses in it, without keys, tokens and passwords."""
    return _SECRET.sub(lambda match: f"{match[1]}***" if match[1] else "***@", text)
