#!/bin/sh
# Start Grafana, unless its administrator would have the password that everybody knows.
set -eu
if [ -z "${GF_SECURITY_ADMIN_PASSWORD:-}" ]; then
    echo "Set GRAFANA_PASSWORD in .env: the administrator's, from Grafana's first start on" >&2
    exit 1
fi
exec /run.sh
