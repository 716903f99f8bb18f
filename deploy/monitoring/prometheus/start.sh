#!/bin/sh
# Start Prometheus with the app's token in a file, as its configuration can't read the environment.
set -eu
if [ -z "${PAGODA_METRICS_TOKEN:-}" ]; then
    echo "Set PAGODA_METRICS_TOKEN in .env, as from: openssl rand -hex 32" >&2
    exit 1
fi
umask 077
printf %s "$PAGODA_METRICS_TOKEN" > /tmp/pagoda-token
unset PAGODA_METRICS_TOKEN
exec prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/prometheus \
    --storage.tsdb.retention.time=15d
