#!/bin/sh
# Create the virtual environment $1 with $PYTHON; on Debian as root fetch python3-venv if it lacks.
set -eu
python="${PYTHON:-python3}"
folder="$1"

if ! command -v "$python" >/dev/null; then
    echo "There is no $python; install Python 3.11 or newer, or run make PYTHON=/path/to/python3." >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$("$python" --version) is too old; Python 3.11 or newer is needed: make PYTHON=/path/to/python3." >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        sh "$(dirname "$0")/apt_install.sh" python3-venv
    else
        echo "Python's venv module is missing; install it, on Debian: sudo apt-get install python3-venv" >&2
        exit 1
    fi
fi
"$python" -m venv "$folder"
