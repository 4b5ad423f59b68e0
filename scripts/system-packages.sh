#!/bin/sh
# Installs the system packages that are missing: bubblewrap, which runs the tool calls in isolation,
# and Debian's venv for the Python that is named. Where it may not, it says the one command.
set -eu
python="${1:-python3}"
missing=""
command -v bwrap >/dev/null || missing="bubblewrap"
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "missing: $missing; install it with your system's package manager" >&2
    exit 4
fi
install="apt-get install -y --no-install-recommends $missing"
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "missing: $missing; root is needed to install it, run: sudo $install" >&2
    exit 4
fi
$as_root apt-get update -qq || true # an old list may still do
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
$as_root $install
