#!/usr/bin/env bash
# Mosaics of every field below a folder, channels 1 and 2; a failing one does not stop the others.
# Usage: shell_loop.sh FIELDS OUT
set -u
fields=${1:?folder with one folder per field}
out=${2:?folder of the mosaics}
failed=0
for field in "$fields"/*/; do
    name=$(basename "$field")
    for channel in 1 2; do
        astromap irac mosaic "$field" -o "$out/$name" --channel "$channel" --resume --report "$out/$name"
        code=$?
        # 4: the field has no frames of this channel.
        if [ "$code" -ne 0 ] && [ "$code" -ne 4 ]; then
            echo "$name channel $channel: exit code $code" >&2
            failed=1
        fi
    done
done
exit "$failed"
