#!/usr/bin/env bash
# Installs the S3 server that tests/support/start-s3.ts starts: OpenStack Swift and memcached, as Debian packs them. Needs root and apt; starts
# no service. It took a minute and a half on two busy cores. Without it the tests that need it are skipped and say so.
set -euo pipefail
packages=(swift-proxy swift-account swift-container swift-object memcached python3-keystonemiddleware)
if [ -x /usr/bin/swift-proxy-server ] && [ -x /usr/bin/swift-object-server ] && [ -x /usr/bin/memcached ]; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The S3 server for tests can be installed by root on Debian only: apt-get install ${packages[*]}" >&2
  exit 1
fi
# Services of these packages are not to start by being installed.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends "${packages[@]}"
