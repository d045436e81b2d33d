"""Restores that an access key id tells its account.

AWS encodes the account in the key id; here `AKIA` or `ASIA`, the twelve digits of the account and four more characters
select it, so that several users of one server never meet.
"""

import re

from moto.core.responses import BaseResponse

_KEY = re.compile(r"A[KS]IA(\d{12})")


def _get_current_account(response, of_moto=BaseResponse.get_current_account):
    key = _KEY.match(response.get_access_key())
    return key[1] if key else of_moto(response)


BaseResponse.get_current_account = _get_current_account
