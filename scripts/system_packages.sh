#!/bin/sh
# The libraries that Qt and OpenGL need for GUI tests without a screen; with the word `readers` also
# ImageJ and the JDK that runs its reader, without which those tests are skipped. Linux only.
set -eu
packages="xvfb xauth ffmpeg libegl1 libgl1 libgl1-mesa-dri libopengl0 libxkbcommon-x11-0
 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-image0 libxcb-render-util0
 libxcb-xinerama0 libdbus-1-3 libfontconfig1 libglib2.0-0"
what="GUI tests"
if [ "${1:-}" = readers ]; then
    packages="$packages libij-java default-jdk-headless" # the code that the package imagej starts
    what="GUI tests and ImageJ's reader"
fi

[ "$(uname -s)" = Linux ] || exit 0

if ! command -v dpkg-query >/dev/null; then
    command -v xvfb-run >/dev/null && exit 0
    echo "xvfb-run is missing; install Xvfb and Qt 6's libraries with your package manager." >&2
    exit 1
fi

missing=""
for package in $packages; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -q '^installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    # shellcheck disable=SC2086
    sh "$(dirname "$0")/apt_install.sh" $missing
else
    echo "For $what these packages are missing: sudo apt-get install$missing" >&2
    command -v xvfb-run >/dev/null
fi
