"""The one command of the Azure CLI that the scripts' sign-in needs: a token, from the emulator.

    python az.py account get-access-token --output json --resource AUDIENCE

What else is asked for stands in the file that REHEARSAL_AZ_ASKED names, and ends with exit status 1. The sign-in that
the task AzureCLI@2 has made stands in REHEARSAL_AZ_CLIENT and REHEARSAL_AZ_TENANT.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

TOKEN = ["account", "get-access-token", "--output", "json", "--resource"]


def main(arguments: Sequence[str]) -> int:
    """Answer the command. Returns the exit status."""
    if list(arguments[: len(TOKEN)]) != TOKEN:
        with Path(os.environ["REHEARSAL_AZ_ASKED"]).open("a", encoding="utf-8") as asked:
            asked.write(f"az {' '.join(arguments)}\n")
        return 1
    import requests

    tenant = os.environ["REHEARSAL_AZ_TENANT"]
    answer = requests.post(
        f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": os.environ["REHEARSAL_AZ_CLIENT"],
            "client_secret": "federated",
            "scope": f"{arguments[len(TOKEN)]}/.default",
        },
        timeout=60,
    )
    answer.raise_for_status()
    given = answer.json()
    ends = datetime.now().astimezone() + timedelta(seconds=given["expires_in"])
    token = {"accessToken": given["access_token"], "expiresOn": ends.strftime("%Y-%m-%d %H:%M:%S.%f")}
    print(json.dumps({**token, "expires_on": int(ends.timestamp()), "tenant": tenant, "tokenType": "Bearer"}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
