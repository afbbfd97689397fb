#!/bin/sh
# Makes the passwords that compose.yaml reads from files, where there are none yet. Nothing has a default password.
# The folder is yours alone; the files in it are readable, since each is mounted into a container whose user has another number.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
for name in redis_password grafana_password; do
    if [ ! -s "secrets/$name" ]; then
        head -c 24 /dev/urandom | base64 | tr -d '\n+/=' > "secrets/$name"
        chmod 644 "secrets/$name"
    fi
done
[ -e secrets/metrics_token ] || { : > secrets/metrics_token; chmod 644 secrets/metrics_token; }
