#!/bin/sh
# Installs bubblewrap, which runs the tool calls in isolation; says the one command where it may not.
set -eu
install="apt-get install -y --no-install-recommends bubblewrap"
if ! command -v apt-get >/dev/null; then
    echo "bubblewrap is missing: install it with your system's package manager, e.g. dnf install bubblewrap" >&2
    exit 4
fi
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "bubblewrap is missing and root is needed to install it; run: sudo $install" >&2
    exit 4
fi
$as_root apt-get update -qq || true
DEBIAN_FRONTEND=noninteractive $as_root $install
