"""Who may come in: keys, the server's own key pair, and what is known of both while the store is down.

A key opens both doors: its token REST, its CURVE public key ZeroMQ. `key.py` is one key, `keyring.py` all of them at one moment, which is
what every decision is made from; `keybook.py` keeps them in the store, and `watch.py` follows it.
"""
