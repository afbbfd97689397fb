"""Whether the API of this container answers, by HTTP or TLS; its certificate names another host, and is not what is asked about."""

import os
import ssl
import sys
import urllib.request

TLS = ssl._create_unverified_context()


def main() -> int:
    """0: it lives."""
    port = os.environ.get("ELITSCOPE_HTTP", "127.0.0.1:8000").rpartition(":")[2]
    scheme = "https" if os.environ.get("ELITSCOPE_TLS_CERT") else "http"
    with urllib.request.urlopen(f"{scheme}://127.0.0.1:{port}/healthz", timeout=3, context=TLS) as answer:
        return int(answer.status != 200)


if __name__ == "__main__":
    sys.exit(main())
