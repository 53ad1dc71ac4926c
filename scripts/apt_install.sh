#!/bin/sh
# Install Debian packages as root; the index is fetched only where the packages are not known yet.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && exit 0
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" >/dev/null
