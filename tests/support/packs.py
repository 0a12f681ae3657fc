"""The pack of the tests: a jurisdiction as small as they need, frozen beside this file, so that a corrected law breaks none.

The packs that are shipped have a test of their own, `tests/repository/test_shipped_packs.py`.
"""

from pathlib import Path
from typing import Final

from pakn.packs.load import load_pack

FOLDER: Final = Path(__file__).with_name("pack_vn")
VN: Final = load_pack(FOLDER)
UNSIGNED: Final = VN.model_copy(
    update={"header": VN.header.model_copy(update={"sender": VN.header.sender.model_copy(update={"required": ()})})}
)
"""The same pack where the sender need say nothing about themselves."""
